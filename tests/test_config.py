from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from minhos.config import REPOSITORY, Settings
from minhos.errors import ConfigError


def test_an_empty_environment_gives_the_defaults_inside_the_repository() -> None:
    settings = Settings.from_environment({})

    assert settings.home == REPOSITORY / "var"
    assert settings.serving_environment == REPOSITORY / ".venv-serving"
    assert (settings.grpc_port, settings.metrics_port) == (8001, 8002)
    assert (settings.airflow_port, settings.mlflow_port) == (8080, 5000)
    assert settings.grpc_url == "127.0.0.1:8001"


def test_variables_of_others_are_left_alone_and_empty_ones_mean_the_default() -> None:
    assert Settings.from_environment({"PATH": "/bin", "MINHOS_HOME": ""}) == Settings()


def test_every_setting_can_be_given_by_its_variable() -> None:
    environ = {
        "MINHOS_HOME": "/srv/minhos",
        "MINHOS_DATA": "/srv/data",
        "MINHOS_GRPC_HOST": "triton",
        "MINHOS_GRPC_PORT": "9001",
        "MINHOS_METRICS_PORT": "9002",
        "MINHOS_TRITON_KEY": "correct horse",
        "MINHOS_AIRFLOW_PORT": "9080",
        "MINHOS_MLFLOW_PORT": "9500",
        "MINHOS_SERVING_ENVIRONMENT": "/srv/serving",
    }
    assert set(environ) == {"MINHOS_" + name.upper() for name in Settings.model_fields}

    settings = Settings.from_environment(environ)

    assert settings.grpc_url == "triton:9001"
    assert (settings.airflow_port, settings.mlflow_port) == (9080, 9500)
    assert settings.data == Path("/srv/data")
    assert settings.serving_environment == Path("/srv/serving")


def test_all_state_is_under_home() -> None:
    settings = Settings(home=Path("/srv/minhos"))
    paths = [
        settings.runs,
        settings.releases,
        settings.model_repository,
        settings.serving,
        settings.airflow_home,
        settings.logs,
        settings.tracking,
    ]

    assert len(set(paths)) == len(paths)
    assert all(path.parent == Path("/srv/minhos") for path in paths)


def test_a_relative_home_is_taken_from_the_repository_and_not_from_the_current_folder() -> None:
    assert Settings.from_environment({"MINHOS_HOME": "var/tonight"}).home == REPOSITORY / "var" / "tonight"


def test_an_unknown_variable_is_an_error_that_names_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"MINHOS_HOUSE; known are .*MINHOS_HOME.*Unset it or correct"):
        Settings.from_environment({"MINHOS_HOUSE": "/srv"})


def test_the_tests_own_variable_is_known() -> None:
    assert Settings.from_environment({"MINHOS_REAL_DATA": "/data"}) == Settings()


@pytest.mark.parametrize("port", ["0", "80", "65536", "eight", "-1", "80.5"])
def test_a_port_out_of_range_is_an_error_that_names_its_variable_and_value(port: str) -> None:
    with pytest.raises(ConfigError, match=rf"MINHOS_GRPC_PORT: .*got '{port}'"):
        Settings.from_environment({"MINHOS_GRPC_PORT": port})


def test_two_services_on_one_port_are_refused() -> None:
    with pytest.raises(ConfigError, match="the ports must differ"):
        Settings.from_environment({"MINHOS_GRPC_PORT": "8080"})


@pytest.mark.parametrize("host", ["", "triton:8001", "http://triton", "a b"])
def test_a_host_is_a_bare_name(host: str) -> None:
    with pytest.raises(ValidationError, match="grpc_host"):
        Settings(grpc_host=host)


def test_the_triton_key_never_prints_and_never_enters_the_hash() -> None:
    settings = Settings.from_environment({"MINHOS_TRITON_KEY": "correct horse"})

    assert settings.triton_key is not None
    assert settings.triton_key.get_secret_value() == "correct horse"
    assert "horse" not in f"{settings!r} {settings} {settings.model_dump_json()}"
    assert settings.hash() == Settings.from_environment({"MINHOS_TRITON_KEY": "battery staple"}).hash()


def test_settings_are_frozen_and_refuse_unknown_fields() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().grpc_port = 9999
    with pytest.raises(ValidationError, match="Extra inputs"):
        Settings.model_validate({"colour": "red"})


@given(port=st.integers(10_000, 65_535), other=st.integers(10_000, 65_535))
def test_the_hash_is_the_identity_of_the_settings(port: int, other: int) -> None:
    assert (Settings(grpc_port=port).hash() == Settings(grpc_port=other).hash()) == (port == other)
