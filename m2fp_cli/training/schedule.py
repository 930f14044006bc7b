"""Where a run is, and how fast it learns there."""

from __future__ import annotations

from dataclasses import dataclass

from m2fp_cli.training.recipe import Phase, Recipe


@dataclass
class Progress:
    """How far a run is.

    Attributes:
        step: steps taken.
        decay_from: the step at which the decay began; None = not yet.
        before: steps of the runs whose weights this one began with.
    """

    step: int = 0
    decay_from: int | None = None
    before: int = 0

    def start_decay(self) -> None:
        """Begin the last phase now, unless it has begun."""
        if self.decay_from is None:
            self.decay_from = self.step

    def phase(self, recipe: Recipe) -> Phase | None:
        """The phase of the next step; None when the recipe is done."""
        if self.decay_from is None:
            end = 0
            for phase in recipe.phases:
                end += phase.steps
                if self.step < end:
                    return phase
            self.start_decay()
        return recipe.decay if self.steps_left(recipe) > 0 else None

    def steps_left(self, recipe: Recipe) -> int:
        """Steps to the end of the present phase."""
        if self.decay_from is not None:
            return self.decay_from + recipe.decay.steps - self.step
        end = 0
        for phase in recipe.phases:
            end += phase.steps
            if self.step < end:
                break
        return end - self.step


def learning_rate(progress: Progress, recipe: Recipe) -> float:
    """Linear rise, then constant, then linear fall to zero."""
    rate = recipe.learning_rate * min(1.0, (progress.step + 1) / recipe.warm_up)
    if progress.decay_from is None:
        return rate
    return rate * max(0.0, progress.steps_left(recipe) / recipe.decay.steps)
