"""The code inside a logged model: a fine-tuned classifier as MLflow serves it. Stands alone, without stabbench."""

from __future__ import annotations

from typing import Any

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel


class FineTunedClassifier(PythonModel):
    """Takes `text_a` and, for pairs, `text_b`; gives `prediction` (label id), `label` (its name) and `logits`."""

    def load_context(self, context: Any) -> None:
        """Load tokenizer and weights (safetensors) from the model's own folder; nothing is fetched."""
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        folder = context.artifacts["classifier"]
        self.options: dict[str, Any] = dict(context.model_config)
        self.tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self.model = AutoModelForSequenceClassification.from_pretrained(
            folder, local_files_only=True, use_safetensors=True
        ).eval()

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Classify rows of text; as in training, longer ones are cut at the recipe's `max_length`."""
        import torch

        logits: list[list[float]] = []
        with torch.inference_mode():
            for start in range(0, len(model_input), self.options["batch_size"]):
                batch = self._encode(model_input.iloc[start : start + self.options["batch_size"]])
                logits += self.model(**batch).logits.double().tolist()
        predictions = [max(range(len(row)), key=row.__getitem__) for row in logits]
        names = self.options["label_names"]
        labels = [names[prediction] for prediction in predictions]
        return pd.DataFrame({"prediction": predictions, "label": labels, "logits": logits})

    def _encode(self, rows: pd.DataFrame) -> dict[str, Any]:
        texts = [list(rows["text_a"])]
        if "text_b" in rows and rows["text_b"].notna().any():
            texts.append(list(rows["text_b"]))
        batch = self.tokenizer(
            *texts, truncation=True, max_length=self.options["max_length"], padding=True, return_tensors="pt"
        )
        if self.options["legacy_segments"] and "token_type_ids" in batch:
            batch["token_type_ids"].zero_()
        return dict(batch)


set_model(FineTunedClassifier())
