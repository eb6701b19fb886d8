from unlearn_audit.api import Audit as Audit
from unlearn_audit.api import audit as audit
from unlearn_audit.api import load_policy as load_policy
from unlearn_audit.api import make_evidence as make_evidence
from unlearn_audit.api import read_evidence as read_evidence
from unlearn_audit.api import read_predictions as read_predictions
from unlearn_audit.api import write_report as write_report
from unlearn_audit.evidence import Evidence as Evidence
from unlearn_audit.publishing import publish_to_mlflow as publish_to_mlflow
from unlearn_audit.records import Outcome as Outcome

__version__: str
__all__ = [
    "Audit",
    "Evidence",
    "Outcome",
    "__version__",
    "audit",
    "load_policy",
    "make_evidence",
    "publish_to_mlflow",
    "read_evidence",
    "read_predictions",
    "write_report",
]
