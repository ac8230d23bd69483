"""The columns of sheets and tables by key: what each is called and what it means, in Chinese and English."""

from dataclasses import dataclass

from creditscore.config.spec import Label
from creditscore.reporting.words import say


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
        "上期等级",
        "Previous tier",
        "上一次运行后的现行等级，未评期间为最后一次评定的等级；空白表示新入库",
        "The tier after the run before, through NR the last one rated; blank means new",
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
