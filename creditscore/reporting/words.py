"""The names of things in Chinese and English: columns with their meaning, tiers, states, units."""

from dataclasses import dataclass

from creditscore.config.base import Label, Language


def say(zh: str, en: str) -> Label:
    """A label of two words, short to write."""
    return Label(zh=zh, en=en)


@dataclass(frozen=True)
class Term:
    """A column: its label and what it means (the data dictionary prints both)."""

    label: Label
    meaning: Label


def _term(zh: str, en: str, meaning_zh: str = "", meaning_en: str = "") -> Term:
    return Term(say(zh, en), say(meaning_zh, meaning_en))


#: Columns of the workbook by key.
TERMS: dict[str, Term] = {
    "item": _term("项目", "Item", "说明的是什么", "What the line is about"),
    "content": _term("内容", "Content", "说明的内容", "What it says"),
    "task": _term("任务编号", "Task", "抽查任务的编号（tasks.toml）", "Id of the inspection task (tasks.toml)"),
    "task_label": _term("抽查任务", "Task name", "抽查任务的名称", "Name of the inspection task"),
    "check_item": _term("抽查事项", "Inspection item", "本任务检查的事项", "What is inspected"),
    "department": _term("检查主体", "Department", "实施检查的部门", "Department that inspects"),
    "joint_with": _term("联合部门", "Joint with", "同一次上门联合检查的部门", "Departments that share the visit"),
    "period": _term("抽查时间", "Period", "任务开始日至结束日", "First to last day of the task"),
    "subject_id": _term(
        "统一社会信用代码",
        "Subject id",
        "以文本保存，不丢失位数（执业人员为证号）",
        "Kept as text; practitioners by licence number",
    ),
    "name": _term(
        "名称", "Name", "市场主体名称；执业人员姓名不输出", "Name of the market subject; names of practitioners are not put out"
    ),
    "subject_type": _term(
        "主体类型", "Subject type", "企业、个体工商户、农民专业合作社等", "Enterprise, individual business, co-operative …"
    ),
    "industry": _term("行业代码", "Industry", "国民经济行业分类或项目自定代码", "GB/T 4754 or the project's own code"),
    "industry_label": _term("行业", "Industry name", "行业代码对应的名称", "The name of the industry's code"),
    "region": _term("区划代码", "Region", "行政区划代码（GB/T 2260）", "GB/T 2260 code"),
    "region_label": _term(
        "行政区划",
        "Region name",
        "区划代码对应的名称；没有对照表的显示代码",
        "The name of the region's code; the code itself where no table names it",
    ),
    "registration_authority": _term("登记机关", "Registration authority", "主体的登记机关", "Where the subject is registered"),
    "address": _term("地址", "Address", "登记的住所或经营场所", "Registered address or place of business"),
    "stratum": _term("层", "Stratum", "任务×等级×行业（可加区划）", "Task x tier x industry (maybe x region)"),
    "tier": _term("等级", "Tier", "现行等级，按此抽取；未评为 NR", "The tier that holds and is drawn from; NR is not rated"),
    "raw_tier": _term(
        "拟定等级",
        "Proposed tier",
        "分数和规则当日给出的等级；须签批的，签批后生效",
        "What score and rules say today; where it needs a signature, not yet in force",
    ),
    "previous_tier": _term(
        "上期等级", "Previous tier", "上一次运行后的现行等级；空白表示新入库", "The tier after the run before; blank means new"
    ),
    "rule": _term("适用规则", "Rule", "改变等级的规则；空白表示按分数", "Rule that set the tier; blank means the score did"),
    "population": _term("户数", "Subjects", "本层抽查对象总数", "Subjects in the stratum"),
    "exempt": _term(
        "抽取前退出", "Exempt", "因频次上限、近期已查等在抽取前退出的户数", "Left before the draw: caps, recent visits"
    ),
    "base_ratio": _term("政策比例", "Policy ratio", "分级政策文件规定的抽查比例", "Ratio of the tier policy"),
    "ratio": _term("抽查比例", "Ratio", "可修改后导回（0%–100%）", "May be edited and read back (0 to 100 %)"),
    "target": _term("计划数", "Target", "户数×比例，逐层向上取整", "Subjects x ratio, rounded up in each stratum"),
    "effective_ratio": _term(
        "取整后比例", "Ratio after rounding", "计划数÷户数，即入样概率", "Target / subjects: the inclusion probability"
    ),
    "visits_per_year": _term("年频次", "Visits a year", "该等级每年的检查次数", "Visits a year at this tier"),
    "repeat_within_months": _term(
        "不重复月数", "No repeat within (months)", "此月数内已查者原则上不再抽", "Not drawn again within so many months"
    ),
    "inclusion_probability": _term(
        "入样概率", "Inclusion probability", "抽取前已确定，供来年加权", "Fixed before the draw; next year's weights"
    ),
    "order": _term("序号", "No.", "本任务内按层和抽签号排列", "Within the task, by stratum and ticket"),
    "ticket": _term(
        "抽签号（前16位）",
        "Ticket (first 16)",
        "SHA-256(种子|任务|代码)，层内最小者中签",
        "SHA-256(seed|task|id); the smallest of a stratum are drawn",
    ),
    "score": _term("得分", "Score", "分数越高风险越低", "A higher score is a lower risk"),
    "reason_1": _term("主要原因1", "Reason 1", "与基准相比失分最多的指标", "Characteristic that cost most against the baseline"),
    "reason_2": _term("主要原因2", "Reason 2", "失分第二多的指标", "Second"),
    "reason_3": _term("主要原因3", "Reason 3", "失分第三多的指标", "Third"),
    "reason_4": _term("主要原因4", "Reason 4", "失分第四多的指标", "Fourth"),
    "inspectors": _term("检查人员编号", "Inspectors", "仅编号；至少两人", "Staff ids only; at least two"),
    "week": _term(
        "计划周次",
        "Week",
        "任务内第几周；户次按工作日均匀分布，合并上门的同一周",
        "Week of the task; visits are spread by working days, a merged visit has one week",
    ),
    "week_from": _term("该周起", "Week from", "该周在任务内的第一天", "First day of the week within the task"),
    "week_to": _term("该周止", "Week to", "该周在任务内的最后一天", "Last day of the week within the task"),
    "workdays": _term("工作日", "Working days", "按工作日历", "By the work calendar"),
    "visits": _term("户次", "Visits", "本周计划检查的户次", "Visits planned for the week"),
    "visits_on_site": _term("其中实地", "Of these on site", "实地检查的户次", "Visits on site"),
    "visits_off_site": _term("其中非现场", "Of these off site", "书面或网络检查的户次", "Checks on paper or online"),
    "visits_merged": _term("其中合并上门", "Of these merged", "同次上门完成几个任务的户次", "Visits that serve several tasks"),
    "standing": _term(
        "来源", "Standing", "抽中、递补、后增，或随其他任务一并检查", "Drawn, replacement, late, or checked along with another task"
    ),
    "replaced_by": _term(
        "已由其递补", "Replaced by", "无法检查的，由层内下一号递补", "The next ticket of the stratum goes in its place"
    ),
    "mode_probability": _term(
        "按方式的入样概率",
        "Probability of the mode",
        "以此方式被抽中的概率，作来年标签的权重",
        "Chance of being drawn for this mode: the weight of next year's label",
    ),
    "on_site": _term(
        "其中实地", "Of these on site", "计划数中实地检查的户数，向上取整", "How many of the target are visited on site, rounded up"
    ),
    "on_site_share": _term("实地比例", "Share on site", "政策规定的实地检查比例", "Share of visits on site by the tier policy"),
    "staff_id": _term("人员编号", "Staff id", "仅编号", "Id only"),
    "staff_region": _term("所在区划", "Region of staff", "检查人员所在区划", "Where the inspector works"),
    "staff_visits": _term(
        "承担户次", "Visits of the inspector", "作为检查人员承担的户次", "Visits in which the inspector takes part"
    ),
    "staff_leads": _term("其中牵头", "Of these as leader", "作为组长的户次", "Visits led"),
    "certificate_valid_to": _term("证件有效期至", "Certificate valid to", "执法证有效期的最后一天", "Last day of the certificate"),
    "merged_with": _term("合并任务", "Merged with", "综合查一次：同次上门完成的任务", "Tasks served by the same visit"),
    "outcome": _term("检查结果", "Outcome", "下拉选择后导回", "Choose from the list, then read back"),
    "mode": _term("检查方式", "Mode", "实地或非现场；空白按实地", "On site or off site; blank means on site"),
    "visited_on": _term("检查日期", "Visited on", "填写实际检查日，如 2024-05-31", "Day of the visit, such as 2024-05-31"),
    "found_severity": _term(
        "严重程度(1–10)",
        "Severity (1-10)",
        "1 最轻，10 最重；发现违法违规的填写",
        "1 is slight, 10 is grave; where a violation was found",
    ),
    "decision": _term("签批意见", "Decision", "同意或不同意列入 D 级", "Approve or reject the entry to D"),
    "evidence": _term("依据记录", "Evidence", "触发规则的记录编号", "Ids of the records behind the rule"),
    "grounds_hash": _term("依据散列值", "Grounds hash", "依据不变则签批有效", "A signature lasts while this is unchanged"),
    "reviewer": _term("签批人编号", "Reviewer", "人员编号", "Staff id"),
    "review_reason": _term("理由", "Reason", "签批的理由，必填", "Reason of the decision; needed"),
    "reviewed_on": _term("签批日期", "Signed on", "签批当日，如 2024-05-31", "Day of the decision, such as 2024-05-31"),
    "certificate": _term(
        "执法证有效期至",
        "Certificate valid to",
        "该组检查人员中最早到期的执法证有效期至",
        "First day on which a certificate of the team ends",
    ),
    "recusal": _term("回避", "Recusal", "因利害关系不得检查该主体的人员编号", "Staff who may not inspect this subject"),
    "section": _term("类别", "Section", "本行属于哪一部分", "Part of the sheet that the line belongs to"),
    "from_tier": _term("上期等级", "From tier", "迁移前的等级；仅迁移部分有", "Tier before; in the part on migration only"),
    "subjects": _term("数量", "Subjects", "主体数", "Number of subjects"),
    "share": _term(
        "占比", "Share", "分布：占本行业；迁移：占上期等级", "Distribution: of the industry; migration: of the previous tier"
    ),
    "attribute": _term("分组项", "Attribute", "仅用于审计，从不进入评分", "For audit only, never scored"),
    "group": _term("组别", "Group", "该分组项的取值", "Value of the attribute"),
    "share_A": _term("A 级占比", "Share A", "现行等级为 A 的占本组", "Share of the group that holds tier A"),
    "share_B": _term("B 级占比", "Share B", "现行等级为 B 的占本组", "Share of the group that holds tier B"),
    "share_C": _term("C 级占比", "Share C", "现行等级为 C 的占本组", "Share of the group that holds tier C"),
    "share_D": _term(
        "D 级占比",
        "Share D",
        "现行等级为 D 的占本组；待签批的不在内",
        "Share of the group that holds tier D; tiers to be signed are not in it",
    ),
    "share_NR": _term("未评占比", "Share NR", "未评的占本组", "Share of the group that is not rated"),
    "d_low": _term("D 下限", "D low", "95% 置信区间（Wilson）", "95 % interval (Wilson)"),
    "d_high": _term("D 上限", "D high", "95% 置信区间（Wilson）", "95 % interval (Wilson)"),
    "visits_per_1000": _term(
        "每千户计划检查", "Visits per 1,000", "入样概率之和×1000÷户数", "Sum of inclusion probabilities x 1,000 / subjects"
    ),
    "remark": _term("说明", "Remark", "没有数字的原因等", "Why there is no figure, and the like"),
    "table": _term("数据表", "Table", "体检的数据表", "Table that was checked"),
    "check_rule": _term("检查项", "Check", "检查了什么或发现了什么", "What was checked or found"),
    "code": _term("代码", "Code", "供系统对照的代码", "Code for reference"),
    "rows": _term("行数", "Rows", "涉及的行数；评分卡中为训练行数", "Rows concerned; in scorecards rows of the training"),
    "examples": _term("示例（行键）", "Examples (keys)", "只列行键，不列内容", "Keys of rows, never contents"),
    "card": _term("评分卡", "Scorecard", "评分卡适用的行业", "Industry of the scorecard"),
    "characteristic": _term("指标", "Characteristic", "评分卡的指标", "Characteristic of the scorecard"),
    "source": _term("来源", "Source", "基础、公共、行业、市场、自主申报", "base, public, industry, market, self-declared"),
    "unit": _term("单位", "Unit", "指标的计量单位", "Unit of the characteristic"),
    "bin": _term("取值", "Attribute", "区间左闭右开 [a, b)", "Intervals are left-closed [a, b)"),
    "points": _term("分值", "Points", "整数；得分 = 常数 + 各指标分值之和", "Whole; score = constant + sum of points"),
    "weight": _term("训练占比", "Share of weight", "该取值的训练样本占比（加权）", "Share of the training rows, weighted"),
    "bad_rate": _term("违规率", "Bad rate", "加权并平滑", "Weighted and smoothed"),
    "woe": _term("证据权重", "WoE", "ln(好占比÷坏占比)，越大越安全", "ln(share of good / share of bad): more is safer"),
    "neutral": _term("中性", "Neutral", "样本过少，取平均分值", "Too few rows: points of the average subject"),
    "sheet": _term("工作表", "Sheet", "所在的工作表", "Sheet that has the column"),
    "field": _term("字段", "Field", "列的内部名称，各语言相同", "Internal name of the column, the same in every language"),
    "zh": _term("中文", "Chinese", "列的中文名称", "Chinese header"),
    "en": _term("英文", "English", "列的英文名称", "English header"),
    "meaning_zh": _term("含义（中文）", "Meaning (Chinese)", "列的含义", "What the column holds, in Chinese"),
    "meaning_en": _term("含义（英文）", "Meaning (English)", "列的含义（英文）", "What the column holds"),
    "measure": _term("监管措施", "Measure", "分级政策对该等级规定的差异化监管措施", "What the tier policy provides for the tier"),
    "basis": _term("依据", "Basis", "措施依据的文件", "Document that the measure rests on"),
}

#: What is not known of a subject.
UNKNOWN = say("（未知）", "(unknown)")
TIERS: dict[str, Label] = {
    "A": say("A 风险低", "A low risk"),
    "B": say("B 风险一般", "B ordinary risk"),
    "C": say("C 风险较高", "C raised risk"),
    "D": say("D 风险高", "D high risk"),
    "NR": say("NR 未评", "NR not rated"),
}
SOURCES: dict[str, Label] = {
    "base": say("基础", "Base"),
    "public": say("公共信用", "Public"),
    "industry": say("行业信用", "Industry"),
    "market": say("市场信用", "Market"),
    "self_declared": say("自主申报", "Self-declared"),
}
SUBJECT_TYPES: dict[str, Label] = {
    "enterprise": say("企业", "Enterprise"),
    "individual_business": say("个体工商户", "Individual business"),
    "co_operative": say("农民专业合作社", "Co-operative"),
    "government": say("政府机关", "Government"),
    "institution": say("事业单位", "Institution"),
    "practitioner": say("执业人员", "Practitioner"),
}
GROUPS: dict[str, Label] = {
    "subject_type": say("主体类型", "Subject type"),
    "size_class": say("规模", "Size class"),
    "region": say("区划", "Region"),
    "ownership": say("所有制", "Ownership"),
    "unknown": say("未知", "Unknown"),
}
SIZES: dict[str, Label] = {
    "large": say("大型", "Large"),
    "medium": say("中型", "Medium"),
    "small": say("小型", "Small"),
    "micro": say("微型", "Micro"),
}
OWNERSHIPS: dict[str, Label] = {
    "state": say("国有", "State"),
    "collective": say("集体", "Collective"),
    "private": say("民营", "Private"),
    "foreign": say("外资", "Foreign"),
}
#: Words of gradings; a grade without words stands for itself.
GRADES: dict[str, Label] = {
    "优": say("优", "优 excellent"),
    "良": say("良", "良 good"),
    "中": say("中", "中 fair"),
    "差": say("差", "差 poor"),
    "excellent": say("优秀", "excellent"),
    "good": say("良好", "good"),
    "pass": say("合格", "pass"),
    "fail": say("不合格", "fail"),
}
#: Features keep ratios in millionths; they are printed as ratios.
PARTS_PER_MILLION = "ppm"
UNITS: dict[str, Label] = {
    "records": say("条", "records"),
    "days": say("天", "days"),
    "months": say("个月", "months"),
    "departments": say("个部门", "departments"),
    "points": say("分", "points"),
    "grade": say("等级", "grade"),
    "yuan": say("元", "yuan"),
    "text": say("文字", "text"),
    "0 or 1": say("是否（1 为是）", "0 or 1"),
    "severity 1-10": say("严重程度 1–10", "severity 1-10"),
    "severity 1-6": say("严重程度 1–6", "severity 1-6"),
    PARTS_PER_MILLION: say("比值", "ratio"),
}
PURPOSES: dict[str, Label] = {
    "supervision": say("信用监管（分配抽查力量）", "Supervision: where inspections go"),
    "financing": say("融资", "Financing"),
    "bidding": say("招标投标", "Bidding"),
}
#: First words of the facts on the first sheet.
FACTS: dict[str, Label] = {
    "config": say("配置", "configuration"),
    "policy": say("分级政策", "policy"),
    "input": say("输入", "input"),
    "version": say("软件版本", "version of"),
    "scorecard": say("评分卡", "scorecard"),
}
#: Parts of the row equation of a table.
ARRIVALS: dict[str, Label] = {
    "arrived": say("收到", "arrived"),
    "kept": say("= 采用", "= kept"),
    "quarantined": say("+ 隔离", "+ quarantined"),
    "collapsed": say("+ 合并的重复行", "+ collapsed duplicates"),
}
OUTCOMES: dict[str, Label] = {
    "none": say("未发现问题", "none"),
    "violation": say("发现违法违规", "violation"),
    "not_found": say("查无下落", "not_found"),
    "closed": say("已关闭或注销", "closed"),
    "refused": say("不配合检查", "refused"),
}
MODES: dict[str, Label] = {"on_site": say("实地", "on_site"), "off_site": say("非现场", "off_site")}
STANDINGS: dict[str, Label] = {
    "drawn": say("抽中", "drawn"),
    "replacement": say("递补", "replacement"),
    "late": say("后增", "late"),
    "also": say("一并检查", "checked along"),
}
DECISIONS: dict[str, Label] = {"approve": say("同意", "approve"), "reject": say("不同意", "reject")}
#: What ``tiers.rule`` says when it names no record.
RULES: dict[str, Label] = {
    "": say("按分数", "by score"),
    "not_rated": say("信息不足，未评", "not rated: too little is known"),
    "new_subject": say("登记时间短，未评", "not rated: registered too recently"),
    "dispute": say("异议处理中，等级不变", "objection open: tier unchanged"),
    "stability": say("升级条件观察期内", "waiting to rise: the better score must last"),
    "override_ended": say("原规则依据已失效", "the record behind an earlier rule no longer counts"),
    "review:rejected": say("签批不同意", "a reviewer did not approve"),
}
#: Why a visit or a subject did not train.
LEFT_OUT: dict[str, Label] = {
    "not drawn at random": say("不是随机抽取", "Not drawn at random"),
    "other trigger": say("其他来源的检查", "Other trigger"),
    "not on_site": say("非现场检查", "Not on site"),
    "not off_site": say("现场检查", "Not off site"),
    "outcome excluded": say("没有结论（未找到、关门、拒检）", "No outcome: not found, closed, refused"),
    "no known probability": say("抽取概率未知", "No known probability"),
    "not of the scored population on the day before": say("当时不属于评分对象", "Not of the scored population on the day before"),
    "left before it was observed long enough": say("观察期未满即退出", "Left before it was observed long enough"),
}
#: Why a row of the register is not scored.
OUT_OF_SCOPE: dict[str, Label] = {
    "deregistered": say("已注销", "Deregistered"),
    "revoked": say("已吊销", "Revoked"),
    "government": say("政府机关，不评", "Government body: never scored"),
    "institution": say("事业单位，不评", "Public institution: never scored"),
    "practitioner": say("从业人员，另行评价", "Practitioner: a project of its own"),
    "not_yet_known": say("当日尚未获知", "Not yet known that day"),
    "not_yet_registered": say("当日尚未登记", "Not yet registered that day"),
    "older_version": say("主体的旧版本", "Older version of a subject"),
}
RIVALS: dict[str, Label] = {
    "lightgbm": say("LightGBM（同样的单调方向）", "LightGBM, the card's trends"),
    "logistic": say("逻辑回归", "Logistic regression"),
    "optbinning": say("optbinning 默认评分卡（不加权）", "optbinning's default card, no weights"),
}
#: Cells of the swap set.
CELLS: dict[str, Label] = {
    "both": say("两者都选", "Both"),
    "only_ours": say("仅评分卡", "The card only"),
    "only_theirs": say("仅对照模型", "The challenger only"),
    "neither": say("都不选", "Neither"),
}
#: Metrics that count something.
COUNTS = frozenset({"n", "events", "effective_size"})
METRICS: dict[str, Label] = {
    "n": say("行数", "Rows"),
    "rows": say("行数", "Rows"),
    "events": say("违规数", "Bads"),
    "bads": say("违规数", "Bads"),
    "effective_size": say("有效样本量", "Effective size"),
    "effective_cases": say("有效违规数", "Effective cases"),
    "auc": say("AUC（区分能力）", "AUC"),
    "within_group_auc": say("行业内 AUC", "AUC within industry"),
    "within_inspector_auc": say("同一检查人员内 AUC", "AUC within inspector"),
    "challenger_auc": say("对照模型 AUC（LightGBM）", "Challenger AUC (LightGBM)"),
    "model": say("模型", "Model"),
    "auc_minus_rival": say("本卡 AUC 减该模型", "AUC of the card less its"),
    "auc_minus_challenger": say("本卡 AUC 减对照模型", "AUC less the challenger's"),
    "visits": say("计划检查", "Visits"),
    "visits_per_subject": say("户均检查", "Visits per subject"),
    "past_visits": say("过去随机检查", "Past random visits"),
    "effective_visits": say("有效检查数", "Effective visits"),
    "rate": say("违规率", "Rate of violations"),
    "expected": say("预计发现", "Expected to find"),
    "low": say("下限", "Low"),
    "high": say("上限", "High"),
    "share_found": say("发现占比", "Share found"),
    "extrapolated": say("外推", "Extrapolated"),
    "excluded_share": say("无结论占比", "Share without outcome"),
    "psi": say("PSI", "PSI"),
    "critical": say("临界值", "Critical value"),
    "points_shift": say("分值变动", "Shift in points"),
    "name": say("指标", "Characteristic"),
    "feature": say("特征", "Feature"),
    "attribute": say("审计属性", "Audited attribute"),
    "association": say("关联度", "Association"),
    "groups": say("组数", "Groups"),
    "tenth": say("十分位", "Tenth"),
    "gini": say("基尼系数", "Gini"),
    "ks": say("KS", "KS"),
    "brier": say("Brier 分数", "Brier score"),
    "log_loss": say("对数损失", "Log loss"),
    "calibration_slope": say("校准斜率", "Calibration slope"),
    "calibration_intercept": say("校准截距", "Calibration intercept"),
    "observed_expected": say("实际/预期", "Observed / expected"),
    "observed_rate": say("实际违规率", "Observed rate"),
    "mean_predicted": say("预期违规率", "Expected rate"),
    "parent": say("上级", "Parent"),
    "own_weight_attributes": say("自身数据份额（分箱）", "Own data (attributes)"),
    "own_weight_intercept": say("自身数据份额（截距）", "Own data (intercept)"),
    "intercept_own": say("自身截距", "Own intercept"),
    "intercept_parent": say("上级截距", "Parent's intercept"),
    "intercept_used": say("采用截距", "Intercept used"),
    "bad_rate_used": say("采用违规率", "Bad rate used"),
}
#: Figures that are shares and are printed as percents.
PERCENTS = frozenset({"observed_rate", "mean_predicted", "bad_rate_used", "own_weight_attributes", "own_weight_intercept"})
#: Sections of the check-up.
SECTIONS: dict[str, Label] = {
    "rows": say("体检：行数", "Check-up: rows"),
    "refused": say("体检：拒收", "Check-up: refused"),
    "source": say("体检：来源", "Check-up: sources"),
    "refused_value": say("体检：拒收的值", "Check-up: values refused"),
    "unmapped": say("体检：未见类别", "Check-up: unseen words"),
    "identity": say("体检：主体代码", "Check-up: codes"),
    "malformed": say("体检：不合格记录", "Check-up: malformed"),
    "supplier": say("体检：提供单位", "Check-up: suppliers"),
    "gate": say("体检：目录准入", "Check-up: gate of the catalogue"),
    "expired": say("体检：到期停用", "Check-up: expired"),
    "calendar": say("体检：工作日历", "Check-up: work calendar"),
    "publicity": say("体检：两系统核对", "Check-up: two systems"),
    "drift": say("体检：与上次比", "Check-up: against the run before"),
    "normalised": say("体检：规范化", "Check-up: normalised"),
    "future": say("体检：晚于当日", "Check-up: after the day"),
    "coverage": say("体检：覆盖", "Check-up: coverage"),
    "late": say("体检：逾期报送", "Check-up: late"),
    "missing": say("体检：漏报", "Check-up: missing"),
    "repair": say("体检：修复", "Check-up: repair"),
}


def text_of(table: dict[str, Label], key: object, lang: Language) -> str:
    """The word for a key in one language; a key without a word stands for itself, a missing one is empty."""
    if key is None or key != key:  # NaN
        return ""
    found = table.get(str(key))
    return str(key) if found is None else found.text(lang)
