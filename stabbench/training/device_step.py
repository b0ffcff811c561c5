"""One plain update of every run as a fixed sequence of device operations, which can be captured and replayed.

It reads nothing from the host: texts, the epoch's order, rates and the number of the update lie on the device, and what
it measures is fetched now and then. Only the shape of a batch is known outside, and few shapes occur, so that on CUDA
each is run once, captured when it comes again, and replayed from then on.
"""

from __future__ import annotations

import os

import torch
from torch import Tensor

from stabbench.errors import UserError, unknown
from stabbench.models.compilation import compile_function
from stabbench.models.device_batch import BatchShape, DeviceTexts, device_batch
from stabbench.models.device_draws import DeviceDraws
from stabbench.models.dropout import DeviceDropout
from stabbench.models.encoder import Encoder, encoder_layer
from stabbench.strategies.composition import Composition
from stabbench.training.adamw import AdamW
from stabbench.training.device_adamw import DeviceAdamW
from stabbench.training.kept_state import frozen_by
from stabbench.training.norms import clip_factors
from stabbench.training.parts import Parts
from stabbench.training.state import TrainingState

MODES = ("off", "eager", "graph", "compile")
KEPT_UPDATES = 64
"""Updates whose losses and norms wait on the device."""


def step_mode(device: torch.device) -> str:
    """STABBENCH_DEVICE_STEP, by default `graph` on CUDA and `off` elsewhere.

    `off`: every update by `EagerStep`; `eager`: this step, uncaptured; `graph`: captured as it is; `compile`: captured
    with the encoder's layers compiled. Captures are made on CUDA only. Raises UserError for another value.
    """
    mode = os.environ.get("STABBENCH_DEVICE_STEP") or ("graph" if device.type == "cuda" else "off")
    if mode not in MODES:
        raise UserError(f"STABBENCH_DEVICE_STEP: {unknown('mode', mode, MODES)}")
    return mode


class DeviceStep:
    """The update of strategies that leave forward, loss and update as they are; they may scale rates and decays."""

    def __init__(
        self, parts: Parts, strategies: Composition, optimizer: AdamW, state: TrainingState, mode: str
    ) -> None:
        device, recipe = parts.device, parts.recipe
        self.parts, self.recipe, self.strategies, self.host_optimizer = parts, recipe, strategies, optimizer
        self.names = list(state.weights)
        layer = compile_function(encoder_layer) if mode == "compile" else None
        self.encoder = Encoder(parts.inputs.architecture, parts.encoder.products, layer)
        self.texts = DeviceTexts(parts.train_texts, device, segments=not recipe.legacy_segments)
        self.draws = DeviceDraws(parts.dropout, device)
        self.leaves = state.weights | self._copies(state)
        copies = {name: leaf for name, leaf in self.leaves.items() if leaf is not state.weights[name]}
        self.optimizer = DeviceAdamW(state.weights, copies, optimizer, parts.schedule)
        runs, tensors = len(parts.seeds), len(state.weights)
        self.clock = torch.full((), state.step, dtype=torch.int64, device=device)
        self.order = torch.empty(runs, parts.order.examples, dtype=torch.int64, device=device)
        self.epoch = -1
        self.measured = torch.zeros(KEPT_UPDATES, 3 + tensors, runs, dtype=parts.dtype, device=device)
        self.collected = state.step
        self.captures = device.type == "cuda" and mode in ("graph", "compile")
        self.graphs: dict[BatchShape, torch.cuda.CUDAGraph | None] = {}
        if self.captures:
            self.stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
            self.pool = torch.cuda.graph_pool_handle()

    @classmethod
    def of(cls, parts: Parts, strategies: Composition, optimizer: AdamW, state: TrainingState) -> DeviceStep | None:
        """None where the strategies have hooks of their own in an update, or the device's mode is `off`."""
        mode = step_mode(parts.device)
        hooks = strategies.overrides("training_weights", "loss", "penalty", "before_update", "after_update")
        if mode == "off" or hooks or set(state.weights) != set(parts.facts):
            return None
        return cls(parts, strategies, optimizer, state, mode)

    def _copies(self, state: TrainingState) -> dict[str, Tensor]:
        """Copies of the layers' matrices in the type of the products, which the optimizer keeps up to date.

        Gradients are then taken with respect to the copies. A shared layer's are added up over the layers, in fp32.
        """
        architecture, products = self.parts.inputs.architecture, self.parts.encoder.products
        if products is None or architecture.shares_layers:
            return {}
        facts = self.parts.facts.items()
        chosen = [name for name, fact in facts if fact.linear_weight and 0 < fact.depth <= architecture.layers]
        return {name: state.weights[name].detach().to(products).requires_grad_() for name in chosen}

    def update(self, state: TrainingState) -> None:
        """Start the update; what it measures reaches the state when it is collected."""
        parts, update = self.parts, state.step
        epoch = update // parts.schedule.steps_per_epoch
        if epoch != self.epoch:
            self.epoch = epoch
            self.order.copy_(torch.from_numpy(parts.order.of_epoch(epoch)))
        scales = self.strategies.at(update, parts.schedule.learning_rate(update)).scales_of(self.names)
        if scales is not None:
            self.host_optimizer.freeze(frozen_by(scales))
            self.optimizer.take(list(scales.values()), list(self.host_optimizer.missed.values()))
        lengths = parts.train_texts.lengths[parts.order.chosen(update)]
        self._run(BatchShape.of(lengths))
        state.tokens.append([int(count) for count in lengths.sum(axis=1)])
        state.passes.append(1)
        if update + 1 - self.collected == KEPT_UPDATES:
            self.collect(state, update + 1)

    def collect(self, state: TrainingState, steps: int | None = None) -> None:
        """Append losses and norms of all updates so far, or of the first `steps`, to the state."""
        steps = state.step if steps is None else steps
        if steps == self.collected:
            return
        table = self.measured.to("cpu", torch.float64, copy=True)
        for update in range(self.collected, steps):
            row = table[update % KEPT_UPDATES]
            state.losses.append(row[0])
            state.norms.append(row[1])
            state.clipped_norms.append(row[2])
            if update % self.recipe.gradient_norm_every == 0:
                state.gradient_norms.append(row[3:])
                state.gradient_norm_steps.append(update)
        self.collected = steps

    def _run(self, shape: BatchShape) -> None:
        """Compute the update: uncaptured the first time, which also prepares everything that a capture needs."""
        if not self.captures:
            self._compute(shape)
        elif shape not in self.graphs:
            self.graphs[shape] = None
            self.stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self.stream):
                self._compute(shape)
            torch.cuda.current_stream().wait_stream(self.stream)
        else:
            graph = self.graphs[shape] or self._capture(shape)
            graph.replay()

    def _capture(self, shape: BatchShape) -> torch.cuda.CUDAGraph:
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self.pool, stream=self.stream):
            self._compute(shape)
        self.graphs[shape] = graph
        return graph

    def _compute(self, shape: BatchShape) -> None:
        """The whole update, of which every number lies on the device."""
        recipe, step = self.recipe, self.clock
        begin = step % self.parts.schedule.steps_per_epoch * recipe.batch_size
        columns = begin + torch.arange(shape.examples, device=step.device)
        batch = device_batch(self.texts, self.order.index_select(1, columns), shape, self.parts.dtype)
        logits = self.encoder.classify(self.leaves, batch, DeviceDropout(recipe.one_dropout, self.draws, step))
        losses = self.parts.inputs.objective.loss(logits, batch.labels)
        gradients = torch.autograd.grad(losses.sum(), list(self.leaves.values()), materialize_grads=True)
        with torch.no_grad():
            norms = [torch.linalg.vector_norm(found.flatten(1), dim=1, dtype=self.parts.dtype) for found in gradients]
            each = torch.stack(norms).masked_fill(~self.optimizer.trained().unsqueeze(1), 0)
            total = each.square().sum(dim=0).sqrt()
            clip = clip_factors(total, recipe.max_grad_norm)
            self.optimizer.update([found.contiguous() for found in gradients], step, clip)
            measured = torch.cat((torch.stack((losses, total, total * clip)), each))
            self.measured.index_copy_(0, (step % KEPT_UPDATES).view(1), measured.unsqueeze(0))
            step += 1
