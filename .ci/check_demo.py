"""Checks what `diffract demo` wrote: python3 check_demo.py FOLDER."""
import json
import pathlib
import sys

folder = pathlib.Path(sys.argv[1])
result = json.loads((folder / "demo.json").read_text())
lines = {line["key"]: line for line in result["lines"]}
faults = []


def expect(condition, text):
    if not condition:
        faults.append(text)


for key in ("pixels", "random", "random-attention", "knn", "linear", "attention"):
    expect(key in lines, f"there is no line '{key}'")
if not faults:
    for line in result["lines"]:
        for score in (line["all"], line["few"]):
            if score:
                counted = sum(sum(row) for row in score["confusion"])
                expect(score["pictures"] == counted == result["config"]["test"], f"{line['key']}: {score['pictures']} pictures, {counted} counted")
    low, high = (lambda key: lines[key]["all"]["low"]), (lambda key: lines[key]["all"]["high"])
    expect(low("attention") > high("random-attention"), "with an attention head, pre-trained features are not clearly above random weights")
    expect(low("attention") > high("random"), "pre-trained features are not clearly above the best that random weights give")
    expect(low("linear") > high("random"), "with a linear head, pre-trained features are not clearly above random weights")
    expect(low("linear") > high("pixels"), "pre-trained features are not clearly above raw pixels")
    expect(low("knn") > result["chance"], "nearest neighbours are not above chance")
    expect(lines["attention"]["all"]["top1"] > lines["linear"]["all"]["top1"], "the attention head is not above the linear one where labels are enough")
    expect(low("pixels") > result["chance"], "raw pixels are not above chance")
page = folder / "demo.html"
expect(page.exists() and "<svg" in page.read_text() and "data:image/png" in page.read_text(), "the page is missing, or has no drawing or picture")
for name in ("linear", "attention"):
    expect((folder / name / "head.safetensors").stat().st_size > 1000, f"{name}: no head was written")

print("\n".join("demo: " + fault for fault in faults) or "demo: results in order, page and heads written")
sys.exit(bool(faults))
