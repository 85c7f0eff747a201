"""Settings: read from the environment and `.env`, checked, and never told."""

import subprocess
import sys
from pathlib import Path

import pytest

from tertulia.settings import InvalidSetting, Settings, kept_secret, load, warnings_for

DOCUMENT = Path(__file__).parents[2] / "docs/settings.md"
GOOD_SECRET = "q8Jx-3vTz_Lm7RbN2wKd5YfHc9PgSaUe4XiO"


@pytest.fixture(autouse=True)
def nothing_is_set(tmp_path, monkeypatch):
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)


def row(name):
    field = Settings.model_fields[name]
    default = "" if field.default_factory else field.default
    match default:
        case None | "" | ():
            shown = ""
        case bool():
            shown = f"`{str(default).lower()}`"
        case Path():
            shown = f"`./{default}`"
        case _:
            shown = f"`{default:g}`" if isinstance(default, float) else f"`{default}`"
    return f"| `{name.upper()}` | {shown} | {field.description} |"


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_documented(name):
    assert row(name) in DOCUMENT.read_text(encoding="utf-8").splitlines()


def test_nothing_else_is_documented():
    rows = [line for line in DOCUMENT.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert len(rows) == len(Settings.model_fields)


def test_without_a_word_everything_is_in_the_data_directory():
    settings = load()
    assert (settings.host, settings.port, settings.debug) == ("127.0.0.1", 8000, False)
    assert settings.database_url == "sqlite:///data/tertulia.db"
    assert settings.redis_url is None
    assert settings.secret_key == Path("data/secret_key").read_text().strip()


def test_the_database_follows_the_data_directory(monkeypatch):
    monkeypatch.setenv("DATA_DIR", "/tmp/elsewhere")
    assert Settings().database_url == "sqlite:////tmp/elsewhere/tertulia.db"


def test_the_environment_wins_over_the_file_and_an_empty_value_is_none(monkeypatch):
    Path(".env").write_text("PORT=1111\nHOST=::1\nREDIS_URL=\n")
    monkeypatch.setenv("PORT", "2222")
    monkeypatch.setenv("HOST", "")
    settings = load(secret_key=GOOD_SECRET)
    assert (settings.port, settings.host, settings.redis_url) == (2222, "::1", None)


def test_what_is_given_wins_over_all(monkeypatch):
    monkeypatch.setenv("PORT", "2222")
    assert load(port=3333, host=None).port == 3333


def test_a_name_that_is_no_setting_is_warned_of_in_the_file_alone(monkeypatch):
    Path(".env").write_text("PROT=9000\nport=9000\n")
    monkeypatch.setenv("SOMETHING_ELSE", "1")
    settings = load()
    assert settings.port == 9000
    [warning] = warnings_for(settings)
    assert "PROT" in warning


def test_nodes_that_may_not_share_a_secret_are_warned_of():
    assert "SECRET_KEY" in warnings_for(load(redis_url="redis://localhost"))[0]
    assert warnings_for(load(redis_url="redis://localhost", secret_key=GOOD_SECRET)) == []


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("PORT", "abc", "PORT 'abc': "),
        ("PORT", "70000", "PORT '70000': "),
        ("ALGORITHM", "none", "ALGORITHM"),
        ("DEBUG", "maybe", "DEBUG"),
        ("ACCESS_TOKEN_EXPIRE_MINUTES", "0", "ACCESS_TOKEN_EXPIRE_MINUTES"),
        ("DATABASE_URL", "mysql://u:hunter2@h/db", "DATABASE_URL: "),
        ("REDIS_URL", "memcached://:hunter2@h", "REDIS_URL: "),
        ("ALLOWED_ORIGINS", "https://a.example, b.example", "'b.example'"),
        ("HEARTBEAT_INTERVAL", "nan", "HEARTBEAT_INTERVAL"),
        ("LOG_LEVEL", "loud", "LOG_LEVEL"),
        ("SECRET_KEY", "hunter2", "SECRET_KEY"),
        ("SECRET_KEY", "hunter2-your-secret-key-change-me-please", "SECRET_KEY"),
        ("SECRET_KEY", "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7", "SECRET_KEY"),
        ("SECRET_KEY", "x" * 40, "SECRET_KEY"),
    ],
)
def test_an_invalid_value_is_one_line_that_names_the_setting_and_no_secret(monkeypatch, name, value, told):
    monkeypatch.setenv(name, value)
    with pytest.raises(InvalidSetting) as refused:
        load()
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_debug_takes_any_secret():
    assert load(secret_key="short", debug=True).secret_key == "short"


def test_words_may_be_written_in_any_case_and_origins_with_spaces(monkeypatch):
    monkeypatch.setenv("LOG_LEVEL", "debug")
    monkeypatch.setenv("SQLITE_SYNCHRONOUS", "normal")
    monkeypatch.setenv("REGISTRATION", "Closed")
    monkeypatch.setenv("ALLOWED_ORIGINS", "https://a.example , http://b.example:81,")
    settings = Settings()
    assert (settings.log_level, settings.sqlite_synchronous, settings.registration) == ("DEBUG", "NORMAL", "closed")
    assert settings.allowed_origins == ("https://a.example", "http://b.example:81")


def test_settings_show_no_secret():
    settings = load(secret_key=GOOD_SECRET, database_url="postgresql://u:hunter2@h/d", redis_url="redis://:hunter2@h")
    assert "hunter2" not in repr(settings)
    assert GOOD_SECRET not in repr(settings)


def test_the_kept_secret_stays_and_is_its_owners_alone(tmp_path):
    secret = kept_secret(tmp_path / "data")
    assert kept_secret(tmp_path / "data") == secret
    assert (tmp_path / "data/secret_key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["secret_key"]


def test_processes_that_start_together_get_one_secret(tmp_path):
    program = f"from pathlib import Path; from tertulia.settings import kept_secret; print(kept_secret(Path({str(tmp_path / 'd')!r})))"
    racers = [subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) for _ in range(4)]
    assert len({racer.communicate()[0] for racer in racers}) == 1


def test_a_broken_secret_file_is_told_of(tmp_path):
    (tmp_path / "secret_key").write_text("")
    with pytest.raises(InvalidSetting, match="secret_key"):
        kept_secret(tmp_path)


def test_a_data_directory_that_cannot_be_is_told_of(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidSetting, match="DATA_DIR"):
        load(data_dir=tmp_path / "file")
