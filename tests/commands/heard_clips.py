"""Clips whose tone and grey level follow valence, and a small config that hears."""

import dataclasses

import numpy as np

from affect_tf.commands import run_folder
from affect_tf.commands import run_models
from affect_tf.config import ExperimentConfig
from affect_tf.data.manifest import Manifest
from affect_tf.data.past import Past
from affect_tf.data.sample import Frame
from affect_tf.data.sample import microseconds
from affect_tf.data.sample import Sample
from affect_tf.data.sample import Sound
from affect_tf.data.sample import sound_end
from affect_tf.data.sources import Source
from affect_tf.labels.taxonomy import Taxonomy
from affect_tf.models.backbones import Tiny
from affect_tf.models.build import Architecture
from affect_tf.models.fusion import FaceAndSound
from affect_tf.models.sound import SoundNet8
from affect_tf.training import checkpoints
from affect_tf.training.schedules import Constant
from configs import jeong2022
from tests.commands import conftest
from tests.record_folder import labelled_frame
from tests.record_folder import write_records

#: Samples a second; the second channel is the first one, upside down and at half.
RATE, CHANNELS = 22_050, 2
#: The sets of two tasks, which a discriminator tells apart, and that of both.
SOURCES = (
    Source("va", task="va", keep_shared=False),
    Source("expr", task="expr", keep_shared=False),
    Source("both", task="va", also=("expr",)),
)
#: Frames a second, and seconds before the first one of a clip.
_FPS, _BEFORE = 5, 9.8
#: Frames of the training clips, and of each validation clip.
_LENGTH, LENGTHS = 4, (1, 3, 5, 6)
#: One of the training clips and one of the others have no sound track.
SILENT = ("clip4", "clip9")


def samples(sound=True, timed=True):
    """Returns 8 training clips of one task, or all, each and 4 validation clips."""
    rng = np.random.default_rng(0)
    made = []
    for number in range(12):
        key, is_train = f"clip{number}", number < 8
        length = _LENGTH if is_train else LENGTHS[number - 8]
        kind = ("va", "expr", "au", "all")[number % 4] if is_train else "all"
        valence = rng.uniform(-1, 1, length)
        times = [_BEFORE + n / _FPS if timed else None for n in range(length)]
        frames = [
            labelled_frame(kind, n, float(valence[n]), times[n]) for n in range(length)
        ]
        heard = sound and key not in SILENT
        made.append(
            Sample(
                key,
                tuple(frames),
                "made",
                f"person{number}",
                f"film{number}",
                "train" if is_train else "validation",
                sound=_tone(times[-1], float(valence.mean())) if heard else None,
            )
        )
    return made


def write_clips(folder, **kinds):
    """Writes them as a data folder, one shard for each set of labels."""
    stored = {"rate": RATE, "channels": CHANNELS} if kinds.get("sound", True) else None
    return write_records(folder, samples(**kinds), shards=1, sound=stored)


def write_film(folder):
    """Writes a film that nobody has labelled, in no vocabulary, as a data folder."""
    last = samples()[-1]
    frames = [Frame(f.image, number=f.number, time=f.time) for f in last.frames]
    sample = Sample(
        "film_p0", tuple(frames), "video", "film_p0", split="test", sound=last.sound
    )
    taxonomy = Taxonomy("video", (), (), has_va=False)
    stored = {"rate": RATE, "channels": CHANNELS}
    return write_records(folder, [sample], taxonomy, shards=1, sound=stored)


def _tone(last, valence):
    """A tone from the film's start to a time, the higher the better the mood."""
    time = np.arange(sound_end(microseconds(last), RATE)) / RATE
    wave = 8000 * np.sin(2 * np.pi * 300 * 2**valence * time)
    return Sound(np.stack([wave, -wave / 2], axis=1).astype("<i2").tobytes())


def tiny_hearing() -> ExperimentConfig:
    """The method of `jeong2022` for two tasks, with some hundred weights."""
    config = jeong2022.config()
    stages = {
        name: dataclasses.replace(stage, epochs=2, learning_rate=Constant(1e-3))
        for name, stage in (("teacher", config.teacher), ("student", config.student))
    }
    return dataclasses.replace(
        config,
        name="hearing",
        tasks=tuple(task for task in config.tasks if task.name != "au"),
        sources=SOURCES,
        architecture=Architecture(
            Tiny(),
            image_size=32,
            temporal=FaceAndSound(
                sound=SoundNet8(channels=CHANNELS, width=1, outputs=4),
                lstm_units=8,
                lstm_activation="tanh",
                widths=(16, 8),
                dropout=0.1,
                task_widths=(8,),
                discriminator_widths=(4,),
                batch_norm_momentum=0.9,
            ),
        ),
        windows=Past(frames=2, spacing=0.2, stride=2, channels=CHANNELS),
        batch_size=4,
        evaluation_batch_size=16,
        taxonomy=None,
        shuffle_buffer=1024,
        precision="float32",
        **stages,
    )


def write_face_run(run, data):
    """Makes a run of a network that sees single faces, with fresh weights."""
    manifest = Manifest.load(data)
    config = conftest.tiny().for_data(manifest.taxonomy, {})
    config = dataclasses.replace(config, student=None)
    model = run_models.blank(config, "float32", {})
    run_folder.claim(run, config, {}, manifest)
    checkpoints.save_weights(model, run)
    return run
