"""The results of a run in Markdown, and their places in documents."""

import pathlib
import re

# What stands between `<!-- peers:NAME -->` and `<!-- /peers:NAME -->` in a document.
SUITES, DTLS, DTLS_SUMMARY = "suites", "dtls", "dtls-summary"


def table(head, rows):
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


def of_suites(results):
    """A line a suite: how many checks passed, failed and were skipped, and why the latter were."""
    counts, reasons = {}, {}
    for suite, result, area, name, detail in results:
        count = counts.setdefault(suite, {"pass": 0, "FAIL": 0, "skipped": 0})
        count[result] += 1
        if result == "skipped":
            what = "" if name == "all" else f"{name}: "
            reasons.setdefault(suite, []).append(what + detail)
        elif result == "FAIL":
            reasons.setdefault(suite, []).append(f"FAIL: {area}: {name}")
    rows = [
        [f"`{suite}`", count["pass"], count["FAIL"], count["skipped"], "; ".join(dict.fromkeys(reasons.get(suite, ())))]
        for suite, count in counts.items()
    ]
    sums = [sum(count[result] for count in counts.values()) for result in ("pass", "FAIL", "skipped")]
    return table(["Suite", "Passed", "Failed", "Skipped", "Which, and why"], [*rows, ["all", *sums, ""]])


def put(path, sections):
    """Puts sections between their marks in a document: the names of those that it has."""
    file = pathlib.Path(path)
    text = file.read_text(encoding="utf-8")
    found = []
    for name, content in sections.items():
        marks = re.compile(rf"(<!-- peers:{name} -->\n).*?(<!-- /peers:{name} -->)", re.DOTALL)
        text, times = marks.subn(lambda match, content=content: f"{match[1]}\n{content}\n\n{match[2]}", text)
        found += [name] if times else []
    file.write_text(text, encoding="utf-8")
    return found
