"""Word lists of the contrast rules, written for this project. Those of synonyms and antonyms are in `synonyms`."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def groups(lines: str) -> tuple[tuple[str, ...], ...]:
    """The words of each line."""
    return tuple(tuple(line.split()) for line in lines.strip().splitlines())


TIMES = groups("""
昨天 今天 明天 后天
早上 中午 晚上
上午 下午
凌晨 傍晚
上周 下周 这周
上个月 下个月 这个月
去年 今年 明年
周一 周二 周三 周四 周五 周六 周日
星期一 星期二 星期三 星期四 星期五 星期六 星期天
一月 三月 五月 七月 十月
春天 夏天 秋天 冬天
春节 中秋 国庆 端午 元旦
之前 之后
以前 以后
饭前 饭后
睡前 睡后
产前 产后
婚前 婚后
小时候 长大后
刚才 待会儿
暑假 寒假
上半年 下半年
月初 月底
年初 年底
""")

PLACES = tuple(
    tuple(group.split())
    for group in (
        """
        北京 上海 广州 深圳 杭州 南京 武汉 成都 重庆 西安 天津 苏州 长沙 郑州 青岛 大连 厦门 宁波 济南 合肥
        昆明 福州 南昌 沈阳 哈尔滨 长春 太原 南宁 贵阳 兰州 海口 无锡 佛山 东莞 温州 珠海
        """,
        """
        河北 河南 山东 山西 湖南 湖北 广东 广西 江苏 浙江 安徽 江西 福建 四川 云南 贵州 陕西 甘肃 辽宁 吉林
        黑龙江 海南 新疆 西藏 青海 宁夏
        """,
        """
        美国 英国 法国 德国 日本 韩国 俄罗斯 意大利 西班牙 加拿大 澳大利亚 印度 巴西 泰国 越南 新加坡 马来西亚
        埃及 土耳其 荷兰 瑞士 瑞典 墨西哥 阿根廷 叙利亚 伊朗 伊拉克 乌克兰 巴基斯坦
        """,
    )
)

BRANDS = groups("""
华为 小米 苹果 三星 荣耀 魅族 诺基亚 索尼 中兴
微信 支付宝 云闪付
淘宝 京东 拼多多 唯品会 当当 苏宁
移动 联通 电信
工商银行 建设银行 农业银行 中国银行 招商银行 交通银行 民生银行 平安银行 浦发银行
工行 建行 农行 中行 招行 交行
顺丰 圆通 中通 申通 韵达
奔驰 宝马 奥迪 大众 丰田 本田 日产 比亚迪 特斯拉 别克 福特
麦当劳 肯德基 必胜客 星巴克
可口可乐 百事可乐 雪碧 芬达
百度 谷歌 搜狗 必应
腾讯 阿里巴巴 网易 新浪 搜狐
优酷 爱奇艺 腾讯视频 芒果TV
耐克 阿迪达斯 李宁 安踏 匡威
联想 戴尔 惠普 华硕 宏碁
花呗 借呗 余额宝
信用卡 储蓄卡
美团 饿了么
英语 日语 韩语 法语 德语 俄语
足球 篮球 排球 羽毛球 网球 乒乓球
数学 语文 英语 物理 化学 生物 历史 地理
苹果 香蕉 葡萄 西瓜 草莓 橙子 梨
猫 狗 兔子 仓鼠 鹦鹉
吉他 钢琴 小提琴 长笛 笛子 二胡
红色 蓝色 绿色 黄色 白色 黑色 紫色 粉色
牛肉 羊肉 猪肉 鸡肉 鸭肉 鱼肉
米饭 面条 饺子 包子 馒头
自行车 摩托车 汽车 卡车 公交车
衬衫 裤子 裙子 外套 毛衣 T恤
医生 律师 老师 警察 司机 厨师 护士
跑步 游泳 跳舞 爬山 骑车 滑雪
男孩 女孩 老人 婴儿
总统 总理 议员 部长 大使
""")

# One thing under a name of Latin letters and under a Chinese one.
LATIN_NAMES = {
    "iphone": ("苹果手机",),
    "ipad": ("苹果平板",),
    "wifi": ("无线网", "无线网络"),
    "app": ("软件", "应用", "手机软件"),
    "pc": ("电脑", "个人电脑"),
    "wechat": ("微信",),
    "alipay": ("支付宝",),
    "taobao": ("淘宝",),
    "baidu": ("百度",),
    "google": ("谷歌",),
    "facebook": ("脸书",),
    "twitter": ("推特",),
    "amazon": ("亚马逊",),
    "microsoft": ("微软",),
    "windows": ("视窗系统",),
    "android": ("安卓",),
    "huawei": ("华为",),
    "xiaomi": ("小米",),
    "samsung": ("三星",),
    "nokia": ("诺基亚",),
    "sony": ("索尼",),
    "nike": ("耐克",),
    "adidas": ("阿迪达斯",),
    "kfc": ("肯德基",),
    "starbucks": ("星巴克",),
    "bmw": ("宝马",),
    "benz": ("奔驰",),
    "audi": ("奥迪",),
    "tesla": ("特斯拉",),
    "toyota": ("丰田",),
    "honda": ("本田",),
    "email": ("电子邮件", "邮件"),
    "vip": ("会员", "贵宾"),
    "cpu": ("处理器",),
    "nba": ("美职篮",),
    "gdp": ("国内生产总值",),
    "ceo": ("首席执行官",),
    "dna": ("脱氧核糖核酸",),
    "wto": ("世贸组织",),
    "ai": ("人工智能",),
    "vr": ("虚拟现实",),
    "atm": ("自动取款机", "取款机"),
    "pos机": ("刷卡机",),
    "ppt": ("幻灯片",),
    "bug": ("漏洞", "缺陷"),
    "cd": ("光盘",),
    "tv": ("电视",),
    "ktv": ("歌厅",),
    "hello": ("你好",),
    "paypal": ("贝宝",),
    "uber": ("优步",),
    "ebay": ("易贝",),
    "intel": ("英特尔",),
    "amd": ("超威",),
    "lenovo": ("联想",),
    "dell": ("戴尔",),
    "canon": ("佳能",),
    "nikon": ("尼康",),
    "disney": ("迪士尼",),
    "youtube": ("油管",),
    "gps": ("卫星定位",),
    "sim卡": ("手机卡", "电话卡"),
    "sd卡": ("内存卡",),
    "qq": ("腾讯QQ", "扣扣"),
    "t恤": ("短袖衫",),
    "b超": ("超声检查",),
    "ct": ("断层扫描",),
    "icu": ("重症监护室",),
    "offer": ("录用通知",),
    "vcd": ("影碟",),
    "mv": ("音乐短片",),
    "apple": ("苹果",),
    "jd": ("京东",),
}

# Characters that are often typed for each other because they look alike.
LOOK_ALIKES = groups("""
己 已
末 未
拔 拨
侯 候
晴 睛
像 象
辩 辨
竟 竞
遣 遗
暑 署
凉 谅
贷 货
帐 账
蜜 密
壁 璧
幕 慕
待 侍
析 折
即 既
籍 藉
消 销
提 题
清 请
喝 渴
历 厉
""")

# What may open or close a question and changes nothing in it.
OPENERS = (
    "请问",
    "请问一下",
    "你好，",
    "您好，",
    "麻烦问一下，",
    "我想问一下，",
    "想咨询下，",
    "问一下",
    "那个，",
    "亲，",
    "在吗，",
    "求助，",
    "大家好，",
    "想请教一下，",
)
QUESTION_CLOSERS = (
    "呢",
    "啊",
    "呀",
    "，谢谢",
    "，求解答",
    "，急",
    "，在线等",
    "，有人知道吗",
    "？？",
    "，麻烦告知",
)
STATEMENT_CLOSERS = ("。", "！", "~", "啊", "哦")

# Pictures of a mood, and names of such as chats write them out. Those that say something, as 👍 or ❌, are none.
MOODS = tuple(
    sorted(
        _words("""
😂 🤣 😭 😢 😊 😄 😁 😅 😆 😉 😍 🥰 😘 🤗 😜 😳 😔 😞 😱 😡 😤 🙄 😓 😪 😴 🥺 🤔 🙏 💦 ✨ 🌹 🌸 💕 ❤️ 💔 🔥 🌟 🐶
[微笑] [呲牙] [偷笑] [捂脸] [流泪] [大哭] [发怒] [抓狂] [委屈] [可怜] [抱拳] [玫瑰] [爱心] [害羞]
[尴尬] [擦汗] [泪] [哈哈]
""")
    )
)

# Verbs of which it matters who does it to whom.
DONE_TO = _words("""
喜欢 爱 讨厌 恨 打 骂 帮 帮助 教 问 告诉 相信 信任 批评 表扬 救 骗 追 追求 欠 借给 还给 送给 卖给
租给 交给 转给 寄给 发给 介绍给 输给 嫁给 照顾 保护 支持 反对 超过 打败 战胜 收购 起诉 投诉 邀请
拜访 感谢 原谅 理解 尊敬 羡慕 嫉妒 影响 控制 通知 提醒 拉黑 取代 替代 领先 收养 雇佣 举报 采访 模仿
伤害 推荐 欺负 拒绝 抛弃 暗恋 崇拜 怀疑 监督 领导 管
""")

# Between who and whom, with the verb behind: "A 给 B 打电话".
TOWARDS = _words("""
给 对 向 替 为
""")

# What is tagged as a noun or pronoun and names nobody and nothing.
NO_NOUN = _words("""
什么 哪 哪里 怎么 怎样 如何 为什么 多少 几 哪个 哪些 谁 这 那 这个 那个 每 各 某 其 有人 多久 何 啥
咋 这样 那样 这里 那里 时候 因为 自己 大家 事 事情 问题 时 人 东西 本书 别人 人家 之 此 该 本
""")

# What may stand before a clause's first noun.
BEFORE_CLAUSE = _words("""
如果 因为 请问 为什么 听说 原来 其实 昨天 今天 明天 今早 当时 后来 刚才 但是 可是 所以 不过 什么时候
结果 最后 刚刚 怎么 为啥 由于 早上 晚上 上午 下午 上周 去年 虽然 既然 只要 如何
""")

# Between what is turned and what it is turned into.
TURNED_INTO = _words("""
换 兑换 换成 改成 改为 升级到 迁移到 转到 转入 导入 转成 翻译成 变成 转 转换成 译成 换算成
""")

# People by what they are to each other.
PEOPLE = _words("""
老师 学生 朋友 妈妈 爸爸 哥哥 姐姐 弟弟 妹妹 老板 同事 同学 儿子 女儿 丈夫 妻子 老公 老婆 男朋友
女朋友 客户 经理 医生 律师 司机 邻居 爷爷 奶奶 叔叔 阿姨 秘书 领导 主任 孩子 父亲 母亲
""")
