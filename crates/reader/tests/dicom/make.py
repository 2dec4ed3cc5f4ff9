"""Reference renderings for tests/input.rs: pydicom's LUTs applied to the files of pydicom-data 1.0.0.

Run: python make.py FOLDER (pydicom 3, pylibjpeg with openjpeg and libjpeg, numpy). Kept of each
picture: its size, its mean and the values at 25 places, from 0 (black) to 1 (white)."""
import json
import os
import sys

import numpy as np
import pydicom
from pydicom.pixels import apply_modality_lut, apply_voi_lut

FILES = """RG1_UNCR RG1_UNCI RG1_J2KR RG1_J2KI RG3_UNCR RG3_J2KR RG3_J2KI MR2_UNCR MR2_J2KR MR2_J2KI 693_UNCR
693_J2KR JPGLosslessP14SV1_1s_1f_8b bad_sequence mlut_18 vlut_04""".split()
out = {}
for name in FILES:
    d = pydicom.dcmread(os.path.join(sys.argv[1], name + ".dcm"))
    v = apply_voi_lut(apply_modality_lut(d.pixel_array, d), d).astype(float)
    if "WindowCenter" in d and "VOILUTSequence" not in d:
        # The window's output runs over the whole range of the modality's values.
        slope, cut = float(d.get("RescaleSlope", 1)), float(d.get("RescaleIntercept", 0))
        low = -(2 ** (d.BitsStored - 1)) if d.PixelRepresentation else 0
        low, high = low * slope + cut, (low + 2**d.BitsStored - 1) * slope + cut
    elif "VOILUTSequence" in d:
        low, high = 0, 2 ** d.VOILUTSequence[0].LUTDescriptor[2] - 1
    else:
        continue
    v = np.clip((v - low) / (high - low), 0, 1)
    if d.PhotometricInterpretation == "MONOCHROME1":
        v = 1 - v
    if "PixelPaddingValue" in d:
        v[d.pixel_array == d.PixelPaddingValue] = 0
    if list(d.get("PatientOrientation", [])) == ["R", "F"]:
        v = v[:, ::-1]
    rows, columns = v.shape
    places = [[(2 * i + 1) * columns // 10, (2 * j + 1) * rows // 10] for j in range(5) for i in range(5)]
    out[name] = {
        "columns": columns, "rows": rows, "mean": round(float(v.mean()), 6), "places": places,
        "values": [round(float(v[y, x]), 6) for x, y in places],
    }
json.dump(out, open(os.path.join(os.path.dirname(__file__), "reference.json"), "w"))
print({k: v["mean"] for k, v in out.items()})
