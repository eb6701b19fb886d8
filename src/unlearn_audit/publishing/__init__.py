"""Publishing a verified report where models are kept: MLflow. Nothing is measured or decided here.

Reading order: `description` (what is logged) -> `binding` (is the registered model the audited one?) -> `server` (the
one module that speaks with MLflow) -> `publication` (verify, log, tag, promote).
"""

from unlearn_audit.publishing.binding import Binding
from unlearn_audit.publishing.publication import Publication, publish_to_mlflow

__all__ = ["Binding", "Publication", "publish_to_mlflow"]
