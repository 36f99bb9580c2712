"""A frame's past faces and past sound in one model, with a discriminator of sources.

Two towers give vectors: the network that sees one face, and the one that hears. Above
them stands the sequence model, which can be trained alone on stored vectors.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from collections.abc import Mapping

import tensorflow as tf

from affect_tf.models import adversary
from affect_tf.models import dense
from affect_tf.models import frames
from affect_tf.models import fusion_rules
from affect_tf.models import layers
from affect_tf.models.sound import HasSound
from affect_tf.models.sound import ScaleSound
from affect_tf.models.sound import SoundNet8
from affect_tf.models.temporal import check_widths
from affect_tf.models.temporal import EMBEDDER
from affect_tf.models.temporal import SEQUENCE
from affect_tf.models.temporal import Temporal

FACE = "face_embedding"
SOUND = "sound_embedding"

#: Names that a task cannot have.
RESERVED_NAMES = ("face_lstm", "present", "both", "shared", "reversal", "discriminator")


@dataclasses.dataclass(frozen=True)
class FaceAndSound(Temporal):
    """The model of Jeong et al.: an LSTM over past faces, and past sound beside it.

    The last state of the LSTM and the vector of the sound go through the feature
    extractor, whose result every task and the discriminator read.

    Attributes:
      face: Whether faces are seen.
      sound: The network that hears; None where there is none.
      lstm_units: Units of the LSTM.
      lstm_activation: Of its candidate and its output, "relu" (the released code) or
        "tanh" (the usual one, for which GPUs have a fused kernel).
      widths: Units of the dense modules of the feature extractor.
      dropout: Share that they, and those of the discriminator, drop.
      task_widths: Units of the dense modules of every task.
      task_dropout: Share that those drop.
      discriminator_widths: Units of the dense modules of the discriminator.
      norm_before_activation: Whether a module normalises before swish, as the released
        code does, or after it, as the paper lists the layers.
      batch_norm_epsilon: Added to every variance.
      batch_norm_momentum: Share that a running statistic keeps.

    Raises:
      ValueError: On a value outside these, or without face and sound.

    Source: Jeong et al. 2022, section III and Figure 1, with the layers of the released
      code. Logits stay linear: tanh, softmax and sigmoid are part of the decoding.
    """

    face: bool = True
    sound: SoundNet8 | None = SoundNet8()
    lstm_units: int = 512
    lstm_activation: str = "relu"
    widths: tuple[int, ...] = (1024, 512)
    dropout: float = 0.5
    task_widths: tuple[int, ...] = (256, 128)
    task_dropout: float = 0.0
    discriminator_widths: tuple[int, ...] = (64, 32)
    norm_before_activation: bool = True
    batch_norm_epsilon: float = 1e-3
    batch_norm_momentum: float = 0.99

    def __post_init__(self) -> None:
        """Refuses what would fail later, in the middle of a build."""
        for field in ("widths", "task_widths", "discriminator_widths"):
            object.__setattr__(self, field, tuple(getattr(self, field)))
        fusion_rules.check(self)

    def features(self, tasks: Iterable[str] = ()) -> tuple[str, ...]:
        """Returns the names of the vectors that are read; the same for all tasks."""
        del tasks
        return (FACE,) * self.face + (SOUND,) * (self.sound is not None)

    def embedder(
        self,
        cnn: tf.keras.Model | None,
        num_samples: int = 0,
        name: str = EMBEDDER,
        tasks: Iterable[str] | None = None,
    ) -> tf.keras.Model:
        """Puts the two towers side by side, the one of faces up to "features".

        Args:
          cnn: Model of `build.build`; None where no face is seen.
          num_samples: Samples of a sound, such as 220,500.
          name: The model's name.
          tasks: Of no meaning: all read the same vectors.

        Returns:
          A model from `{"image": uint8 [N, S, S, 3], "sound": int16 [M, num_samples,
          C], "heard": int32 [M]}`, less what is absent, to `{"face_embedding": float32
          [N, D], "sound_embedding": float32 [M, outputs]}`. Only the last `heard`
          samples are heard; without any, the vector is 0. N and M may differ.

        Raises:
          ValueError: Without a network, where faces are seen, or on too few samples.
        """
        del tasks
        inputs, outputs = {}, {}
        if self.face:
            if cnn is None:
                raise ValueError(
                    "The network of the faces must be there. Received: cnn=None for "
                    "face=True. Build one, or set face=False."
                )
            inputs["image"] = cnn.get_layer("image").output
            outputs[FACE] = cnn.get_layer("features").output
        if self.sound is not None:
            shape = (num_samples, self.sound.channels)
            sound = tf.keras.Input(shape, dtype="int16", name="sound")
            heard = tf.keras.Input((), dtype="int32", name="heard")
            inputs |= {"sound": sound, "heard": heard}
            # A row without sound costs nothing, and moves no running statistic.
            there = HasSound(name="has_sound")(heard)
            taken = [
                frames.Present(name=f"{what}_taken")([values, there])
                for what, values in (("sound", sound), ("heard", heard))
            ]
            vector = self.sound(ScaleSound(name="sound_scale")(taken))
            outputs[SOUND] = frames.Restore(name=SOUND)([vector, there])
        return tf.keras.Model(inputs=inputs, outputs=outputs, name=name)

    def sequence(
        self,
        widths: Mapping[str, int],
        num_logits: Mapping[str, int],
        num_sources: int = 0,
        name: str = SEQUENCE,
    ) -> tf.keras.Model:
        """Builds what stands above the towers.

        Args:
          widths: {vector: its numbers}, for every name of `features`.
          num_logits: {task: K}, in the order of the outputs.
          num_sources: Sources that the discriminator tells apart; 0 leaves it out.
          name: The model's name.

        Returns:
          A model from `{"face_embedding": float32 [B, F, D], "present": bool [B, F],
          "sound_embedding": float32 [B, E]}`, less what is absent ("present" goes with
          the face), to `{task: float32 [B, K]}` and, last, `"discriminator": float32
          [B, num_sources]`; all linear, and float32 under any policy. What stands where
          `present` is False has no part; a row without any frame has a state of 0.

        Raises:
          ValueError: Without a task, for one whose name is taken, without a vector's
            width, or on one source.
        """
        layers.check_tasks(num_logits, RESERVED_NAMES)
        check_widths(self, widths, num_logits)
        _check_sources(num_sources)
        inputs, vectors = {}, []
        if self.face:
            inputs[FACE] = tf.keras.Input((None, widths[FACE]), name=FACE)
            inputs["present"] = tf.keras.Input((None,), dtype="bool", name="present")
            lstm = tf.keras.layers.LSTM(
                self.lstm_units,
                activation=self.lstm_activation,
                dtype="float32",
                name="face_lstm",
            )
            vectors.append(lstm(inputs[FACE], mask=inputs["present"]))
        if self.sound is not None:
            inputs[SOUND] = tf.keras.Input((widths[SOUND],), name=SOUND)
            vectors.append(inputs[SOUND])
        both = vectors[0]
        if len(vectors) > 1:
            both = tf.keras.layers.Concatenate(dtype="float32", name="both")(vectors)
        shared = self._modules(self.widths, self.dropout)(both, "shared")
        same = tf.keras.layers.Activation("linear", dtype="float32", name="shared")
        shared = same(shared)
        outputs = {}
        for task, count in num_logits.items():
            values = self._modules(self.task_widths, self.task_dropout)(shared, task)
            outputs[task] = dense.linear(count, task)(values)
        if num_sources:
            key = adversary.DISCRIMINATOR
            values = adversary.GradientReversal(name="reversal")(shared)
            modules = self._modules(self.discriminator_widths, self.dropout)
            values = modules(values, key)
            outputs[key] = dense.linear(num_sources, key)(values)
        return tf.keras.Model(inputs=inputs, outputs=outputs, name=name)

    def see(
        self,
        embedder: tf.keras.Model,
        inputs: Mapping[str, tf.Tensor],
        training: bool | None = None,
    ) -> dict[str, tf.Tensor]:
        """Returns the vectors of `features`, and "present" where faces are seen."""
        seen = {name: inputs[name] for name in ("sound", "heard") if name in inputs}
        if self.face:
            faces = frames.Present(name="faces")
            seen["image"] = faces([inputs["image"], inputs["present"]])
        # Keras tells a mode that was not given from None, which would be final.
        mode = {} if training is None else {"training": training}
        vectors = dict(embedder(seen, **mode))
        if self.face:
            restore = frames.Restore(name=f"{FACE}s")
            vectors[FACE] = restore([vectors[FACE], inputs["present"]])
            vectors["present"] = inputs["present"]
        return vectors

    def _modules(self, widths: tuple[int, ...], dropout: float) -> dense.DenseModules:
        return dense.DenseModules(
            widths,
            dropout,
            self.norm_before_activation,
            self.batch_norm_epsilon,
            self.batch_norm_momentum,
        )


def _check_sources(num_sources: int) -> None:
    if num_sources < 0 or num_sources == 1:
        raise ValueError(
            "A discriminator must have two sources or more to tell apart. "
            f"Received: num_sources={num_sources}. Write 0 for none."
        )
