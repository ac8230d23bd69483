"""Texts that a spreadsheet or a browser might run, and what a workbook must not hold."""

import re
import zipfile

PAYLOADS = (
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(A1)",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    " =1+1",
    "＝1+1",
    "＋1",
    "－1",
    "＠SUM(A1)",
    '=HYPERLINK("https://evil.example","x")',
    "=cmd|' /C calc'!A0",
    '=DDE("cmd";"/C calc";"x")',
    "{=1+1}",
    "'=1+1",
    '"=1+1"',
    ";=1+1",
    "https://evil.example/x",
    "file:///etc/passwd",
    "mailto:a@b.example",
    "internal:Sheet1!A1",
    "external:c:\\temp\\x.xlsx",
    "</script><script>alert(1)</script>",
)
#: Parts of a workbook's XML that run or lead somewhere.
_LIVE = re.compile(
    rb'<f[\s>/]|<hyperlink|TargetMode="External"|<externalReference|<ddeLink|<oleLink|<definedName[^>]*(function|vbProcedure|xlm)="(1|true)"'
)


def live_parts(path):
    """The parts of a workbook with a formula, a link, or a relation to outside of it; none of ours has any."""
    with zipfile.ZipFile(path) as parts:
        names = parts.namelist()
        odd = [name for name in names if re.search(r"calcChain|externalLink|vbaProject|connections|embeddings", name)]
        return odd + [name for name in names if _LIVE.search(parts.read(name))]
