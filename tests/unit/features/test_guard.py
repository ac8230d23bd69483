"""What no feature may be about is found in many words; what only sounds like it passes."""

import pytest
from support.deliveries import Delivery

from creditscore.features.guard import factors_in, guard_features, guarded_factors, own_places

#: Names of an area as project.toml and a table of regions give them.
PLACES = (
    "永州市",
    "永州",
    "零陵区",
    "零陵",
    "道县",
    "祁阳市",
    "祁阳",
    "江华瑶族自治县",
    "江华",
    "湖南省",
    "湖南",
    "yongzhou",
    "hunan",
)

REFUSED = {
    "local_performance": """
        永州市业绩 永州业绩 全市业绩 本地业绩 市内业绩 市内近三年业绩 辖区内业绩 全省范围内业绩 零陵区同类业绩 道县工程业绩 湖南省内业绩 业绩（市内） 业绩在本市 业绩位于永州市 业绩来自省内
        特定行政区域业绩 行政区域内业绩 本市中标次数 在永州承揽项目数 本地项目经验 当地服务经历 外地业绩 省外业绩 江华瑶族自治县承建项目 市內業績 本埠业绩 属地工程业绩 全市　业　绩
        local_performance; performance in Yongzhou; Yongzhou track record; city-wide performance; experience in the city; shinei_yeji
        performance in the province; ｌｏｃａｌ performance; local projects; performance done here; track record within the city""",
    "local_branch": """
        设立本地分支机构 在永州设立分公司 本市分支机构 市内注册 在本市注册 永州注册企业 注册地位于本市 注册在祁阳市 全市设立子公司 住所在本县 本地住所 辖区内登记注册 总部位于湖南 本地.设立.分公司
        当地服务网点 落户本地 县域工商登记 local_branch; localBranch; branch in Hunan; registered in the city; headquarters in Yongzhou
        locally incorporated; lo\u200bcal branch; subsidiary within the province""",
    "local_tax_or_social_security": """
        本地缴纳税收社保 永州市纳税 全市纳税 在永州缴税 辖区内参保人数 市内社保 本市社会保险缴费人数 零陵区税收 属地企业缴税 县域税收 纳税地在本市 税款缴纳于永州 社保在本地缴纳 本地税费 本地公积金缴存
        省内完税 道县养老保险参保 local annual tax; tax paid in Yongzhou; social security paid locally; taxes paid in the city; housing fund in the city
        local pension contributions; yongzhou taxpayer; hunan social insurance""",
    "tax_contribution": """
        税收贡献 税费贡献 纳税贡献 纳税额 近三年纳税额 财政贡献 税收突出贡献 对财政收入贡献 纳税大户 纳税百强 纳税排名 税收大户 利税总额 亩均税收 稅收貢獻 全市产值 本地产值 永州市产值 本地营业收入 本地就业人数
        在本市投资额 地方经济贡献 区内固定资产投资 入库税收 税收入库额 nashui_gongxian; tax contribution; tax_amount; contribution to GDP; top taxpayers; fiscal contribution; contribution of taxes
        local employment; investment in the city; output value in Yongzhou; jobs created in the city; tax revenue""",
    "household_registration": """
        户籍 户籍地 户籍所在地 戶籍 户　籍 户口 居住证 持有居住证 暂住登记 籍贯 本地人 常住地 出生地 外来务工人员 hukou; residence permit; place of residence; household registration; local residents
        hometown""",
    "ownership": "所有制 国有企业 民营企业 外商投资 企业性质 登记注册类型 state-owned; ownership_type; private enterprise; foreign invested",
    "protected_attribute": """
        年龄 负责人年龄 法定代表人年龄 经营者性别 民族 宗教信仰 政治面貌 残疾人 age of owner; owner_age; gender; religion; date of birth; ethnic group""",
    "complaint_made_by_subject": "信访 上访次数 主动投诉 作为投诉人 petitions; complaints filed by subject; whistleblower",
    "inspector": "检查人员 执法人员编号 检查机关 执法大队 inspector; inspecting office; officer_id",
    "region": "行政区划 所在地区 所在县 乡镇 邮政编码 region_code; county; postal code",
}  # fmt: skip

PASS = """
    企业年龄 公司年龄 登记月数 经营年限 企业业绩评价 经营业绩 最近一次申报的经营业绩 合同履约率 项目经理变更 中标后放弃次数 依法缴纳社会保险 欠缴社会保险次数 公积金缴存义务履行率 住房公积金缴存义务履行（不问缴存地） 欠税公告（不问纳税地）
    近24个月欠税金额 全市欠税公告次数 纳税信用等级 全市纳税信用评价 重大税收违法 税收违法次数 逃避缴纳税款占应纳税额比例 拖欠工资 本市平均处罚次数 全市通报批评次数 永州市处罚次数 用户口碑 账户口径 商户口碑
    注册会计师处罚 本市注册会计师受罚 未按期报送年度报告 通过登记的住所无法联系 被列入经营异常名录 信用承诺履行率 行政处罚次数 安全生产值班制度 生产安全事故 贡献度检验 国有土地出让合同违约 国有建设用地闲置 残疾人就业保障金欠缴
    性别歧视被处罚 疾病预防控制处罚 传染病防治违法 妨碍执法人员检查次数 阻挠检查人员 被检查单位整改率 打击报复举报人 被投诉次数 属实投诉次数 检查发现比 失信被执行人 行政裁决败诉 环境信用评价 抽检不合格率 食品抽检不合格
    逾期支付中小企业款项 虚假检测报告 社会公益记录 表彰奖励 行政许可数 投标弄虚作假 串通投标 产品质量 设备年龄 职业病危害 经营业绩（永州市2024年社会信用体系建设工作要点第1项） 依据永州市2024年工作要点；经营业绩按年申报
    age of the firm; firm age; months since registration; contract performance; tax arrears; social security arrears; localised warning; late annual report
    bankruptcy petition; executive officer changes; obstruction of inspectors; disease control fines; contracts performed; judgments of the district court
    share of commitments kept; operating results; housing fund duty fulfilled; tax arrears, wherever due; environmental rating; complaint against the subject
    sex discrimination fines; state-owned land contracts broken; wage arrears; local tax bureau fines; penalties in the last 24 months; safety officer missing
    racetrack; generic; regionless? sextet; textile contribution
"""  # fmt: skip


def phrases(text):
    """Chinese ones parted by blanks, those with Latin letters by semicolons and lines."""
    for line in text.split("\n"):
        for part in line.split(";"):
            words = part.split(" ")
            cut = next(
                (n for n, word in enumerate(words) if word and not any("\u4e00" <= sign <= "\u9fff" for sign in word)), len(words)
            )
            yield from (word for word in words[:cut] if word)
            if cut < len(words):
                yield " ".join(words[cut:]).strip(" ?")


CASES = [(factor, text) for factor, several in REFUSED.items() for text in phrases(several) if text]
HARMLESS = [text for text in phrases(PASS) if text]


def forbidden(text, places=PLACES):
    return {one.name for one in factors_in([text], places) if one.rule == "forbidden"}


def test_the_tables_are_long_enough():
    assert len(CASES) >= 80
    assert len(HARMLESS) >= 60
    for texts in ([text for _, text in CASES], HARMLESS):
        assert sum(text.isascii() for text in texts) >= 20
        assert sum(not text.isascii() for text in texts) >= 40


@pytest.mark.parametrize(("factor", "text"), CASES)
def test_what_is_about_a_forbidden_factor_is_found(factor, text):
    assert factor in forbidden(text)


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_sounds_like_one_passes(text):
    assert forbidden(text) == set()


def test_names_of_another_area_are_no_place():
    assert forbidden("永州业绩", ()) == set()
    assert forbidden("市内业绩", ()) == {"local_performance"}


def test_the_places_are_those_of_the_tables_and_of_the_project(tmp_path):
    delivery = Delivery(tmp_path, sources=None, project={"places": ["三湘"]})
    places = own_places(delivery.project)
    assert {"三湘", "湖南省", "湖南", "内蒙古", "新疆", "广西", "宁夏"} <= places
    assert not any(name.endswith(("自治区", "族")) and len(name) < 5 for name in places - {"自治区"})


def test_every_factor_has_its_day_and_its_source():
    assert all(factor.since and factor.basis.strip() for factor in guarded_factors())
    assert set(REFUSED) == {factor.name for factor in guarded_factors() if factor.rule == "forbidden"}


def test_the_example_may_use_all_of_its_features():
    from creditscore.config.project import load_project

    assert guard_features((project := load_project("configs/yongzhou")).features, project) == []
    assert {"永州", "零陵", "道县", "江华", "湘西", "yongzhou"} <= own_places(project)
