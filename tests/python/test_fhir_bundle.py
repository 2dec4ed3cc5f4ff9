"""Validates the FHIR documents that Stele makes with the Python package fhir.resources (R4B, the
edition of its models nearest to R4), which shares no code with Stele.

    pip install -r tests/python/requirements.txt
    python3 tests/python/test_fhir_bundle.py
"""

import json
import sys
import unittest
import xml.etree.ElementTree as ElementTree
from pathlib import Path

try:
    from fhir.resources.R4B import get_fhir_model_class
except ImportError as missing:
    reason = f"{missing}; pip install -r tests/python/requirements.txt"
    if __name__ == "__main__":
        print(f"skipped: {reason}")
        sys.exit(0)
    raise unittest.SkipTest(reason) from None

VECTORS = Path(__file__).parents[2] / "testdata" / "vectors"
DOCUMENTS = ["imaging-study", "media"]


def load(name: str) -> dict:
    return json.loads((VECTORS / f"clinical-fhir-{name}.json").read_text(encoding="utf-8"))


def narratives(value):
    if isinstance(value, dict):
        if "div" in value:
            yield value["div"]
        for inner in value.values():
            yield from narratives(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from narratives(inner)


class Documents(unittest.TestCase):
    def test_documents_are_valid(self):
        for name in DOCUMENTS:
            with self.subTest(name):
                document = load(name)
                get_fhir_model_class("Bundle").model_validate(document)
                for entry in document["entry"]:
                    resource = entry["resource"]
                    kind = resource["resourceType"]
                    with self.subTest(kind):
                        model = get_fhir_model_class(kind).model_validate(resource)
                        again = json.loads(model.model_dump_json())
                        self.assertEqual(set(again), set(resource), "an element was not known")

    def test_the_check_can_fail(self):
        composition = load("media")["entry"][0]["resource"]
        for broken in [{**composition, "status": "done"}, {**composition, "colour": "red"},
                       {k: v for k, v in composition.items() if k != "title"}]:
            broken.pop("resourceType", None)
            with self.assertRaises(ValueError):
                model = get_fhir_model_class("Composition").model_validate(broken)
                # Required codes are enumerated, not enforced, by the package.
                values = model.__class__.model_fields["status"].json_schema_extra["enum_values"]
                if model.status not in values:
                    raise ValueError(model.status)

    def test_required_codes_are_of_their_value_sets(self):
        for name in DOCUMENTS:
            for entry in load(name)["entry"]:
                resource = entry["resource"]
                fields = get_fhir_model_class(resource["resourceType"]).model_fields
                for key, value in resource.items():
                    extra = getattr(fields.get(key), "json_schema_extra", None) or {}
                    if isinstance(value, str) and extra.get("enum_values"):
                        self.assertIn(value, extra["enum_values"], f"{name} {key}")

    def test_narratives_are_xhtml(self):
        for name in [*DOCUMENTS, "operation-outcome"]:
            found = list(narratives(load(name)))
            self.assertTrue(found)
            for div in found:
                self.assertEqual(ElementTree.fromstring(div).tag,
                                 "{http://www.w3.org/1999/xhtml}div")

    def test_operation_outcome_is_valid(self):
        get_fhir_model_class("OperationOutcome").model_validate(load("operation-outcome"))


if __name__ == "__main__":
    unittest.main()
