"""Settings: where they come from, who wins, and what is said of a wrong one."""

from pathlib import Path

import pytest

from coterie.errors import InvalidInput
from coterie.server.config import Config, load
from coterie.server.limits import Limits
from coterie.wire.invite import DEFAULT_PORT, Address


def write(data: Path, text: str) -> Path:
    (data / "coterie.toml").write_text(text, encoding="utf-8")
    return data


def test_nothing_needs_to_be_set(tmp_path: Path) -> None:
    config = load(tmp_path, environment={})
    assert config == Config(tmp_path, Address("127.0.0.1", DEFAULT_PORT), "")


def test_data_folder_need_not_be_there(tmp_path: Path) -> None:
    assert load(tmp_path / "new", environment={}).data == tmp_path / "new"


def test_command_line_wins_over_environment_over_file(tmp_path: Path) -> None:
    write(tmp_path, 'listen = "file:1"\nannounce = "file.example:1"')
    assert load(tmp_path, environment={}).listen == Address("file", 1)
    environment = {"COTERIE_LISTEN": "env:2"}
    config = load(tmp_path, environment=environment)
    assert (config.listen, config.announce) == (Address("env", 2), "file.example:1")
    config = load(tmp_path, listen="line:3", environment=environment)
    assert config.listen == Address("line", 3)


def test_empty_variable_is_as_good_as_unset(tmp_path: Path) -> None:
    config = load(tmp_path, environment={"COTERIE_LISTEN": "", "COTERIE_ANNOUNCE": ""})
    assert config == Config(tmp_path)


def test_other_variables_of_ours_are_no_settings_of_the_server(tmp_path: Path) -> None:
    assert load(tmp_path, environment={"COTERIE_PROFILE": "/x"}) == Config(tmp_path)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("listen = ", "is no TOML"),
        ('lisen = "host:1"', "unknown setting 'lisen'"),
        ("listen = 7617", "listen must be a text"),
        ('listen = "host:99999"', "listen: port 99999 is above 65535"),
        ('announce = "a b"', "announce: not an address"),
        ("limits = 3", "limits must be a table"),
        ("[limits]\nmembres = 3", "unknown limit 'membres'"),
        ("[limits]\nmembers = 0", "limits.members must be a whole number above 0"),
        ("[limits]\nmembers = 2.5", "limits.members must be a whole number above 0"),
        ("[limits]\nmembers = true", "limits.members must be a whole number above 0"),
        ('[limits]\nposts_per_second = "many"', "limits.posts_per_second must be a number above 0"),
        ("[limits]\nidle_timeout_s = nan", "limits.idle_timeout_s must be a number above 0"),
        ("[limits]\nidle_timeout_s = inf", "limits.idle_timeout_s must be a number above 0"),
    ],
)
def test_wrong_file_is_refused_with_its_name_and_key(
    tmp_path: Path, text: str, sentence: str
) -> None:
    write(tmp_path, text)
    with pytest.raises(InvalidInput) as raised:
        load(tmp_path, environment={})
    assert str(tmp_path / "coterie.toml") in str(raised.value)
    assert sentence in str(raised.value)


def test_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "coterie.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidInput, match="is no TOML"):
        load(tmp_path, environment={})


def test_file_that_is_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "coterie.toml").mkdir()
    with pytest.raises(InvalidInput, match="cannot be read"):
        load(tmp_path, environment={})


def test_limits_are_a_table_and_the_environment_wins(tmp_path: Path) -> None:
    write(tmp_path, "[limits]\nconnections = 20\nposts_per_second = 5\nmembers = 30")
    environment = {"COTERIE_LIMITS_MEMBERS": "40", "COTERIE_LIMITS_IDLE_TIMEOUT_S": "0.5"}
    config = load(tmp_path, environment=environment)
    assert config.limits == Limits(
        connections=20, posts_per_second=5.0, members=40, idle_timeout_s=0.5
    )
    assert isinstance(config.limits.posts_per_second, float)


@pytest.mark.parametrize("text", ["many", "0", "-1", "1.5", "nan"])
def test_wrong_limit_in_the_environment_is_refused_with_its_variable(
    tmp_path: Path, text: str
) -> None:
    with pytest.raises(InvalidInput, match="COTERIE_LIMITS_MEMBERS must be a whole number above 0"):
        load(tmp_path, environment={"COTERIE_LIMITS_MEMBERS": text})


@pytest.mark.parametrize("where", ["COTERIE_LISTEN", "--listen"])
def test_wrong_value_is_refused_with_where_it_came_from(tmp_path: Path, where: str) -> None:
    environment = {where: "host:x"} if where.startswith("C") else {}
    listen = "host:x" if where.startswith("-") else None
    with pytest.raises(InvalidInput, match=where):
        load(tmp_path, listen=listen, environment=environment)


# --- TLS -----------------------------------------------------------------------------------------


def test_files_of_tls_are_named_from_where_they_are_said(tmp_path: Path) -> None:
    """In the file beside it, elsewhere from where the server is started."""
    (tmp_path / "coterie.toml").write_text('tls_cert = "chain.pem"\ntls_key = "/etc/key.pem"\n')
    config = load(tmp_path, environment={})
    assert (config.tls_cert, config.tls_key) == (tmp_path / "chain.pem", Path("/etc/key.pem"))
    config = load(tmp_path, environment={"COTERIE_TLS_CERT": "env.pem"})
    assert config.tls_cert == Path("env.pem")
    config = load(tmp_path, tls_cert="line.pem", tls_key="key.pem", environment={})
    assert (config.tls_cert, config.tls_key) == (Path("line.pem"), Path("key.pem"))


def test_certificate_and_key_go_together(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="tls_key is missing"):
        load(tmp_path, tls_cert="chain.pem", environment={})
    with pytest.raises(InvalidInput, match="tls_cert is missing"):
        load(tmp_path, environment={"COTERIE_TLS_KEY": "key.pem"})
    (tmp_path / "coterie.toml").write_text("tls_cert = 1\n")
    with pytest.raises(InvalidInput, match="tls_cert must be a text, the name of a file"):
        load(tmp_path, environment={})


def test_listen_says_nothing_of_tls_and_announce_may(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="--listen: listen: ") as raised:
        load(tmp_path, listen="coteries://127.0.0.1:1", environment={})
    assert "tls_cert" in raised.value.hint
    announced = load(tmp_path, environment={"COTERIE_ANNOUNCE": "coteries://chat.example:443"})
    assert announced.announce == "coteries://chat.example:443"
