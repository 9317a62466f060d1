"""A saved model as ONNX graphs, which score without Keras."""
