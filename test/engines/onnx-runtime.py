"""Runs models in ONNX Runtime: python onnx-runtime.py FOLDER. Needs onnxruntime and numpy.

FOLDER/cases.json lists {"file", "input", "shape"}, and perhaps {"scales", "categories"} for further inputs; answers are printed as one JSON list of flat outputs.
"""

import json
import pathlib
import sys

import numpy
import onnxruntime

folder = pathlib.Path(sys.argv[1])
answers = []
for case in json.loads((folder / "cases.json").read_text()):
    session = onnxruntime.InferenceSession(folder / case["file"])
    rows = numpy.array(case["input"], dtype="float32").reshape(case["shape"])
    inputs = {"rows": rows}
    for name, values in case.get("scales", {}).items():
        inputs[name] = numpy.array(values, dtype="float32")
    for name, values in case.get("categories", {}).items():
        inputs[name] = numpy.array(values, dtype=object).reshape(case["shape"][:2])
    answers.append(session.run(["predictions"], inputs)[0].reshape(-1).tolist())
print(json.dumps(answers))
