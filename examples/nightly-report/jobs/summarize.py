"""Adds up what the parts have counted."""

import json
import os
import pathlib

folder = pathlib.Path("out") / os.environ["DAY"]
parts = sorted(folder.glob("part-*.json"))
total = sum(json.loads(part.read_text())["orders"] for part in parts)
(folder / "report.json").write_text(json.dumps({"parts": len(parts), "orders": total}))
print(f"{os.environ['DAY']}: {total} orders in {len(parts)} parts")
