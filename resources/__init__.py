"""Data that travels with the package: `contrast/` holds hard pairs to judge models by, `demo/` small data sets,
`models/` pretrained matchers.

In the repository the folder lies beside the code; installed, it is the package `textsim.resources`.
"""
