"""
Replacement of `allennlp train` in tests, which writes the files of a training at once. It is
started as a process with the run's configuration, its folder, and "new", "begun" or "interrupted".

`config["fake"][epoch]` holds the epoch's F1, optionally followed by a word for what happens then;
words apply only to the first attempt. With `config["full_disk"]`, it fails after all epochs while
it writes the archive. With `config["fake_recall"]`, it writes predictions of the validation data
that hold the first so many entities of each document. `config["fake_metrics"]` names the metrics to
report instead of precision, recall and F1.
"""

import json
import os
import shutil
import signal
import sys
import time
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any


def main(config_file: str, folder_name: str, found: str) -> None:
    config = json.loads(Path(config_file).read_text())
    folder = Path(folder_name)
    attempted = folder.with_suffix(".attempted")
    first_attempt = not attempted.exists()
    attempted.touch()
    if found == "begun":
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / "config.json", config)
    print(f"seed {config['pytorch_seed']}, device {os.environ.get('CUDA_VISIBLE_DEVICES')}")
    scores = [epoch.split()[0] for epoch in config["fake"]]
    done = len(list(folder.glob("model_state_e*.th")))
    assert (done > 0) == (found == "interrupted")
    for epoch in range(done, len(scores)):
        words = config["fake"][epoch].split()[1:]
        if first_attempt and words:
            misbehave(words[0], folder)
        best = max(range(epoch + 1), key=lambda index: float(scores[index]))
        metrics = {"epoch": epoch, "best_epoch": best}
        # Half a minute an epoch since this process was started.
        metrics["training_duration"] = str(timedelta(seconds=30 * (epoch + 1 - done)))
        reported = config.get("fake_metrics", ["precision", "recall", "f1"])
        metrics[f"validation_{reported[-1]}"] = float(scores[epoch])
        for name in reported:
            metrics[f"best_validation_{name}"] = float(scores[best])
        write(folder / f"metrics_epoch_{epoch}.json", metrics)
        states = [f"{state}_e{epoch + 1}_b0.th" for state in ("model_state", "training_state")]
        for name in [*states, "best.th"] if best == epoch else states:
            with zipfile.ZipFile(folder / name, "w") as file:
                file.writestr("weights", f"of epoch {epoch + 1}")
    if "fake_recall" in config:
        keep_predictions(config, folder / "validation_predictions.jsonl")
    (folder / "vocabulary").mkdir(exist_ok=True)
    write(folder / "metrics.json", metrics)
    if config.get("full_disk"):
        (folder / "model.tar.gz").write_bytes(b"")
        sys.exit("OSError: no space left on device")


def keep_predictions(config: Any, target: Path) -> None:
    with target.open("w") as file:
        for line in Path(config["validation_data_path"]).open():
            document = json.loads(line)
            entities = [entity for sentence in document["ner"] for entity in sentence]
            found = entities[: round(config["fake_recall"] * len(entities))]
            file.write(json.dumps({**document, "predicted_ner": [found]}) + "\n")


def misbehave(how: str, folder: Path) -> None:
    if how == "crash":
        sys.exit("Traceback ...\nRuntimeError: the weights are tired")
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "partial":
        # Killed while it wrote a checkpoint.
        (folder / "model_state_e9_b0.th").write_bytes(b"PK")
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "quit":
        sys.exit(0)
    if how == "meet":
        # Waits until another run of the suite is as far.
        (folder.parents[1] / f"{folder.parent.name}.here").touch()
        wait_for(lambda: len(list(folder.parents[1].glob("*.here"))) == 2)
    if how in ("hang", "ignore"):
        told = folder.with_suffix(".told")

        def tell(*_: Any) -> None:
            told.touch()
            if how == "hang":
                sys.exit(1)

        signal.signal(signal.SIGTERM, tell)
        part = folder.with_suffix(".part")
        part.write_text(str(os.getpid()))
        part.rename(folder.with_suffix(".pid"))
        wait_for(lambda: False)


def wait_for(condition: Any) -> None:
    # A busy machine may take long. The limit only keeps a process from staying forever.
    end = time.monotonic() + 3600
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def write(file: Path, value: Any) -> None:
    # At once, as a reader beside this process may look.
    part = file.with_suffix(".part")
    part.write_text(json.dumps(value))
    part.rename(file)


if __name__ == "__main__":
    main(*sys.argv[1:])
