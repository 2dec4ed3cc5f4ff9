//! What a record is: manifest, parts, selective disclosure, grants, FHIR, DICOM. Pure, no I/O.
