import io
import json
import os
import pickle
import shutil
import tarfile
from pathlib import Path
from typing import Any, Callable, Iterable

import allennlp.models
import pytest
import torch
from allennlp.commands.evaluate import evaluate_from_archive
from allennlp.models import archival

import sept_allennlp
from sept_allennlp.archives import unpacking
from sept_allennlp.archives.loading import ArchiveError, load_archive
from tests.experiments import FIXTURES


@pytest.fixture
def rebuilt(trained_archive: str, tmp_path: Path) -> Callable[..., Path]:
    """Return a function that rebuilds the trained archive with changes and additional members."""

    def rebuild(
        change: Callable[[Path], Any] = lambda folder: None,
        members: Iterable[tarfile.TarInfo] = (),
    ) -> Path:
        folder = tmp_path / "unpacked"
        with tarfile.open(trained_archive) as archive:
            archive.extractall(folder, filter="data")
        change(folder)
        path = tmp_path / "hostile.tar.gz"
        with tarfile.open(path, "w:gz") as archive:
            for member in members:
                archive.addfile(member, io.BytesIO(b"owned" if member.size else b""))
            archive.add(folder, arcname="")
        return path

    return rebuild


@pytest.fixture(autouse=True)
def nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterable[None]:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    yield
    assert list(temporary.iterdir()) == []


def member(name: str, type: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = type
    info.linkname = link
    info.size = 5 if type == tarfile.REGTYPE else 0
    return info


def change_config(change: Callable[[Any], Any]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        path = folder / "config.json"
        config = json.loads(path.read_text())
        change(config)
        path.write_text(json.dumps(config))

    return apply


def test_a_rebuilt_archive_loads(rebuilt: Callable[..., Path]) -> None:
    assert load_archive(rebuilt()).model is not None


@pytest.mark.parametrize(
    "hostile",
    [
        member("../escaped"),
        member("/tmp/sept_allennlp_escaped"),
        member("link", tarfile.SYMTYPE, "/etc/passwd"),
        member("link", tarfile.SYMTYPE, "../../escaped"),
        member("link", tarfile.LNKTYPE, "../escaped"),
        member("device", tarfile.CHRTYPE),
        member("pipe", tarfile.FIFOTYPE),
    ],
    ids=lambda m: f"{m.name} {m.type.decode()} {m.linkname}",
)
def test_members_that_lead_out_are_refused(
    rebuilt: Callable[..., Path], tmp_path: Path, hostile: tarfile.TarInfo
) -> None:
    path = rebuilt(members=[hostile])
    with pytest.raises(ArchiveError, match="hostile.tar.gz: (refused|not a model archive)"):
        load_archive(path)
    assert not (tmp_path / "temporary" / "escaped").exists()
    assert not (tmp_path / "escaped").exists()
    assert not Path("/tmp/sept_allennlp_escaped").exists()


class Payload:
    def __reduce__(self) -> Any:
        return os.mkdir, ("executed",)


def test_code_in_the_weights_is_not_run(
    rebuilt: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = rebuilt(lambda folder: torch.save({"w": Payload()}, folder / "weights.th"))
    with pytest.raises(ArchiveError, match="weights hold more than tensors"):
        sept_allennlp.load(path)
    assert not Path("executed").exists()


def test_a_bare_pickle_in_place_of_the_weights_is_not_run(
    rebuilt: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    # As torch itself pickles; of another protocol it warns.
    payload = pickle.dumps(Payload(), protocol=2)
    path = rebuilt(lambda folder: (folder / "weights.th").write_bytes(payload))
    with pytest.raises(ArchiveError, match="weights hold more than tensors"):
        load_archive(path)
    assert not Path("executed").exists()


@pytest.mark.parametrize(
    "where",
    [
        lambda config: config["model"],
        lambda config: config["dataset_reader"],
        lambda config: config["model"]["span_extractor"],
        lambda config: config["model"]["text_field_embedder"]["token_embedders"]["tokens"],
        lambda config: config["dataset_reader"]["token_indexers"]["tokens"],
    ],
    ids=["model", "reader", "extractor", "embedder", "indexer"],
)
def test_a_class_that_is_not_registered_is_refused_and_not_imported(
    rebuilt: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "hostile_module.py").write_text("import os\nos.mkdir('executed')\nclass Part: ...")
    path = rebuilt(change_config(lambda c: where(c).update(type="hostile_module.Part")))
    with pytest.raises(ArchiveError, match="named 'hostile_module.Part'.*not registered"):
        load_archive(path)
    assert not Path("executed").exists()


def test_a_class_given_as_a_bare_name_is_refused_too(rebuilt: Callable[..., Path]) -> None:
    path = rebuilt(
        change_config(lambda c: c["model"]["feedforward"].update(activations="os.abort"))
    )
    with pytest.raises(ArchiveError, match="named 'os.abort'"):
        load_archive(path)


def test_a_configuration_is_not_evaluated(rebuilt: Callable[..., Path]) -> None:
    def write(folder: Path) -> None:
        (folder / "config.json").write_text("{model: importstr '/etc/hostname'}")

    with pytest.raises(ArchiveError, match="config.json is not plain JSON"):
        load_archive(rebuilt(write))


def test_an_archive_without_a_configuration_is_refused(rebuilt: Callable[..., Path]) -> None:
    with pytest.raises(ArchiveError, match="it has no config.json"):
        load_archive(rebuilt(lambda folder: (folder / "config.json").unlink()))


def test_a_truncated_archive_is_refused(trained_archive: str, tmp_path: Path) -> None:
    path = tmp_path / "truncated.tar.gz"
    path.write_bytes(Path(trained_archive).read_bytes()[:-5000])
    with pytest.raises(ArchiveError, match="truncated.tar.gz: not a model archive, or damaged"):
        load_archive(path)


def test_a_file_that_is_not_an_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.tar.gz"
    path.write_text("hello")
    with pytest.raises(ArchiveError, match="not a model archive, or damaged"):
        load_archive(path)


def test_an_archive_that_unpacks_to_too_much_is_refused(
    trained_archive: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacking, "MAX_ARCHIVE_SIZE", 10_000)
    with pytest.raises(ArchiveError, match="unpacks to more than 10000 bytes"):
        load_archive(trained_archive)


def test_too_many_members_are_refused(
    trained_archive: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacking, "MAX_MEMBERS", 3)
    with pytest.raises(ArchiveError, match="3 files"):
        load_archive(trained_archive)


def test_a_large_configuration_is_refused(
    trained_archive: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacking, "MAX_CONFIG_SIZE", 100)
    with pytest.raises(ArchiveError, match="config.json is too large"):
        load_archive(trained_archive)


def test_an_encoder_with_its_own_code_is_refused(rebuilt: Callable[..., Path]) -> None:
    def ask(config: Any) -> None:
        embedder = config["model"]["text_field_embedder"]["token_embedders"]["tokens"]
        embedder["transformer_kwargs"] = {"trust_remote_code": True}

    with pytest.raises(ArchiveError, match="asks to run an encoder's own code"):
        load_archive(rebuilt(change_config(ask)))


def test_a_class_that_evaluation_would_make_is_refused(rebuilt: Callable[..., Path]) -> None:
    hostile = {"type": "subprocess.Popen", "args": ["touch", "executed"]}
    change = change_config(lambda config: config.update(validation_data_loader=hostile))
    path = rebuilt(change)
    dev = str(FIXTURES / "abstracts" / "dev.json")
    with pytest.raises(ArchiveError, match="'subprocess.Popen' in its 'validation_data_loader'"):
        evaluate_from_archive(path, dev)


def test_an_archive_without_its_encoder_downloads_none(rebuilt: Callable[..., Path]) -> None:
    def name_another(config: Any) -> None:
        config["dataset_reader"]["token_indexers"]["tokens"]["model_name"] = "somebody/encoder"

    with pytest.raises(ArchiveError, match="does not hold its encoder"):
        load_archive(rebuilt(change_config(name_another)))


def test_damaged_weights_are_named(rebuilt: Callable[..., Path]) -> None:
    def cut(folder: Path) -> None:
        weights = folder / "weights.th"
        weights.write_bytes(weights.read_bytes()[:-1000])

    with pytest.raises(ArchiveError, match="weights are damaged"):
        load_archive(rebuilt(cut))


def test_weights_of_another_model_are_named(rebuilt: Callable[..., Path]) -> None:
    change = change_config(lambda config: config["model"]["feedforward"].update(hidden_dims=9))
    with pytest.raises(ArchiveError, match="not those of its configuration"):
        load_archive(rebuilt(change))


def test_a_flipped_byte_is_found(trained_archive: str, tmp_path: Path) -> None:
    content = bytearray(Path(trained_archive).read_bytes())
    content[len(content) // 2] ^= 0xFF
    path = tmp_path / "flipped.tar.gz"
    path.write_bytes(content)
    with pytest.raises(ArchiveError):
        load_archive(path)


@pytest.mark.parametrize(
    "meta",
    ['{"version": "two.ten"}', '{"version": 2}', "{}", '{"version": "2.10.1", "more": 1}', "?"],
)
def test_an_invalid_version_is_named(rebuilt: Callable[..., Path], meta: str) -> None:
    path = rebuilt(lambda folder: (folder / "meta.json").write_text(meta))
    with pytest.raises(ArchiveError, match="meta.json does not say which version of AllenNLP"):
        load_archive(path)


def test_loading_still_takes_folders(trained_archive: str, tmp_path: Path) -> None:
    folder = tmp_path / "unpacked"
    shutil.unpack_archive(trained_archive, folder, filter="data")
    assert load_archive(folder).model is not None


def test_the_folder_of_a_training_is_an_archive(trained_archive: str) -> None:
    folder = Path(trained_archive).parent
    of_archive = dict(load_archive(trained_archive).model.state_dict())
    of_folder = dict(load_archive(folder).model.state_dict())
    assert of_archive.keys() == of_folder.keys()
    assert all(torch.equal(of_archive[name], of_folder[name]) for name in of_archive)


def test_a_folder_without_weights_says_so(trained_archive: str, tmp_path: Path) -> None:
    folder = tmp_path / "unpacked"
    shutil.unpack_archive(trained_archive, folder, filter="data")
    (folder / "weights.th").unlink()
    with pytest.raises(ArchiveError, match="unpacked: there are no weights"):
        load_archive(folder)


def test_the_configuration_of_a_folder_is_not_evaluated_either(
    trained_archive: str, tmp_path: Path
) -> None:
    folder = tmp_path / "unpacked"
    shutil.unpack_archive(trained_archive, folder, filter="data")
    (folder / "config.json").write_text("{model: importstr '/etc/hostname', dataset_reader: 1}")
    for load in (load_archive, allennlp.models.load_archive, archival.load_archive):
        with pytest.raises(ArchiveError, match="config.json is not plain JSON"):
            load(folder)
