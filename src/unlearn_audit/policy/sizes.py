"""The sizes that a policy declares: how many records of which kind an audit under it will have."""

from pydantic import Field

from unlearn_audit.records.frozen import Frozen


class SplitSize(Frozen):
    """Records of one split of the data."""

    records: int = Field(ge=2, le=10_000_000, description="records of the split")
    positive: float = Field(gt=0, lt=1, description="share of them that is positive")


class Sizes(Frozen):
    """What the policy is proved at: simulated models of these sizes are judged by its checks before anybody trains."""

    train: SplitSize = Field(description="the training split: retained and forgotten records together")
    validation: SplitSize
    test: SplitSize
    forget: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        exclude_if=lambda share: share is None,
        description="share of the training records that is forgotten; the reference case's where absent",
    )
    auroc: float = Field(
        default=0.97,
        gt=0.5,
        lt=1,
        description="area under the ROC curve that a model fit for use is expected to have: a planning value",
    )
    records_per_cluster: int = Field(
        default=1,
        ge=1,
        le=1000,
        description="records of each cluster, such as images of a patient, where the policy names a cluster column",
    )
