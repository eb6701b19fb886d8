"""What tests of several packages share: records and evidence made by hand or drawn with a known truth, and servers.

Import it by its full name (`from tests.support.record_factory import make_record`). `signed_bundles` is a plug-in of
pytest that `tests/conftest.py` names: its fixtures are there for every test and are made once for each process.
"""
