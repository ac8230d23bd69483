import datetime as dt
import os
import threading

import pytest
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hypothesis import given
from hypothesis import strategies as st

from creditscore.config.spec import Label
from creditscore.errors import ConfigError
from creditscore.language import Message, Words, _, languages, pgettext
from creditscore.language.catalogues import translations
from creditscore.language.message import fill

HEAD = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'


def folder_with(tmp_path, text, language="fr"):
    path = tmp_path / language / "LC_MESSAGES" / "creditscore.po"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(HEAD + text, encoding="utf-8")
    return path


def words(tmp_path, text, language="fr"):
    folder_with(tmp_path, text, language)
    return Words(language, translations(language, tmp_path))


ROWS = 'msgid "{rows:,} rows in {file}"\nmsgstr "dans {file}, {rows:,} lignes"\n'


def test_message_is_english_until_shown():
    message = _("{rows:,} rows in {file!r}", rows=12345, file="a")
    assert str(message) == "12,345 rows in 'a'"
    assert f"{message:>20}" == "  12,345 rows in 'a'"
    assert str(_("{files} of {owner}", files=["a", _("b")], owner=Label(zh="食品", en="Food"))) == "a, b of Food"


def test_catalogue_may_reorder_values(tmp_path):
    said = words(tmp_path, ROWS).text(_("{rows:,} rows in {file}", rows=3, file="x.csv"))
    assert said == "dans x.csv, 3 lignes"


def test_sentence_without_translation_is_shown_in_english(tmp_path):
    assert words(tmp_path, ROWS).text(_("{n} tiers", n=4)) == "4 tiers"


def test_numbers_in_sentences_take_the_signs_of_the_language(tmp_path):
    said = words(tmp_path, "").text(_("{a:,.2f} {b:.1%} {c} {d}", a=12345.678, b=0.123, c=12345, d="1,2"))
    assert said == "12\u202f345,68 12,3% 12345 1,2"


def test_context_tells_homonyms_apart(tmp_path):
    text = 'msgctxt "of a firm"\nmsgid "Size"\nmsgstr "Taille"\n\nmsgid "Size"\nmsgstr "Effectif"\n'
    french = words(tmp_path, text)
    assert [french.text(_("Size")), french.text(pgettext("of a firm", "Size"))] == ["Effectif", "Taille"]
    assert french.text(pgettext("of a file", "Size")) == "Size"


def test_values_that_are_messages_are_translated_with_the_sentence(tmp_path):
    french = words(tmp_path, 'msgid "rows"\nmsgstr "lignes"\n\nmsgid "no {what}"\nmsgstr "pas de {what}"\n')
    assert french.text(_("no {what}", what=_("rows"))) == "pas de lignes"
    assert french.text(_("no {what}", what=(_("rows"), "x"))) == "pas de lignes, x"


def test_labels_of_a_project_have_their_own_words():
    label = Label(zh="食品", en="Food")
    assert Words.of("zh").text(label) == "食品"
    assert Words.of("en").text(_("{industry:>6}", industry=label)) == "  Food"


def test_lists_have_the_comma_of_the_language():
    assert [Words.of(lang).listed(["a", "b"]) for lang in ("zh", "en")] == ["a、b", "a, b"]


def test_plain_text_and_braces_without_values_stay_as_they_are():
    assert Words.of("zh").text("{a}") == "{a}"
    assert Words.of("zh").text(_("{a}")) == "{a}"
    assert Words.of("zh").text(Message("")) == ""


@pytest.mark.parametrize("template", ["{a.__class__}", "{a[0]}", "{}", "{0}"])
def test_fields_are_plain_names(template):
    with pytest.raises(ValueError, match="plain name"):
        fill(template, {"a": "x"})


@given(st.floats(-1e9, 1e9), st.integers(0, 4))
def test_english_and_chinese_numbers_are_those_of_python(value, digits):
    for lang in ("zh", "en"):
        assert Words.of(lang).number(value, digits) == f"{value:,.{digits}f}"
        assert Words.of(lang).percent(value, digits) == f"{value * 100:,.{digits}f}%"


def test_numbers_shares_and_days_by_language(tmp_path):
    french = words(tmp_path, "")
    assert french.number(12345.5, 1) == "12\u202f345,5"
    assert french.percent(0.1234) == "12,3\xa0%"
    day = dt.date(2024, 4, 30)
    assert [one.day(day) for one in (french, Words.of("zh"))] == ["2024-04-30"] * 2
    assert [one.day(day, "long") for one in (french, Words.of("zh"))] == ["30 avril 2024", "2024年4月30日"]


def test_a_language_is_a_folder_with_a_catalogue(tmp_path):
    folder_with(tmp_path, ROWS)
    (tmp_path / "__pycache__").mkdir()
    assert languages(tmp_path) == ("zh", "en", "fr")
    assert languages()[:2] == ("zh", "en")


@pytest.mark.parametrize("language", ["xx", "", "..", "../zh", "zh/../zh"])
def test_unknown_language_is_refused(language):
    with pytest.raises(ConfigError, match="expected one of zh, en"):
        Words.of(language)


def compiled(path):
    with path.open("rb") as source, path.with_suffix(".mo").open("wb") as target:
        write_mo(target, read_po(source))


def test_compiled_catalogue_serves_alone(tmp_path):
    path = folder_with(tmp_path, ROWS)
    compiled(path)
    path.unlink()
    assert translations("fr", tmp_path).gettext("{rows:,} rows in {file}") == "dans {file}, {rows:,} lignes"
    assert "fr" in languages(tmp_path)


@pytest.mark.parametrize(("age", "said"), [(-10, "old"), (10, "new")])
def test_source_counts_when_newer_than_the_compiled_one(tmp_path, age, said):
    path = folder_with(tmp_path, 'msgid "word"\nmsgstr "old"\n')
    compiled(path)
    path.write_text(HEAD + 'msgid "word"\nmsgstr "new"\n', encoding="utf-8")
    now = path.with_suffix(".mo").stat().st_mtime
    os.utime(path, (now + age, now + age))
    assert translations("fr", tmp_path).gettext("word") == said


def test_threads_speak_their_own_languages():
    wrong = []

    def speak(lang, expected):
        wrong.extend(lang for _turn in range(500) if Words.of(lang).listed("ab") != expected)

    threads = [threading.Thread(target=speak, args=pair) for pair in (("zh", "a、b"), ("en", "a, b")) * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
