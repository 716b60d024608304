"""What the Spark executor is told: `[executors.spark]` of a home."""

from collections.abc import Mapping

from elevon.plugin.kubernetes import K8sConfig


class SparkConfig(K8sConfig, frozen=True, kw_only=True):
    """The table `[executors.spark]`, besides what every executor of cluster resources can be told.

    Attributes:
        spark_conf: Settings of Spark for tasks that do not set them.
        spark_conf_overrides: Settings that hold whatever a task sets.
        features: Settings by a name; a task has them by `spark.flyte.NAME.enabled` set to `true`.
        spark_version: Of the images, which the operator wants to be told.
        service_account: Of the pods.
        driver_file: The program that runs user code, in the image of the driver; empty for the one of this elevon.
        driver_log_url: Where the log of a driver is seen, with `{namespace}` and `{pod}`; empty for nowhere.
        history_url: Where an application is seen that has ended, with `{application}`; empty for nowhere.
    """

    spark_conf: Mapping[str, str] = {}
    spark_conf_overrides: Mapping[str, str] = {}
    features: Mapping[str, Mapping[str, str]] = {}
    spark_version: str = "4.0.0"
    service_account: str = "spark"
    driver_file: str = ""
    driver_log_url: str = ""
    history_url: str = ""
