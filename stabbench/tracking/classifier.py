"""The code inside a logged model: a fine-tuned classifier as MLflow serves it. Stands alone, without stabbench."""

from __future__ import annotations

from typing import Any

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel


class FineTunedClassifier(PythonModel):
    """Takes `text_a` and, for pairs, `text_b`; gives `prediction` (label id), `label` (its name) and `logits`.

    Of a regression, which has no labels' names, `prediction` is a number in the unit of the labels, and is all.
    """

    def load_context(self, context: Any) -> None:
        """Load tokenizer and weights (safetensors) from the model's own folder; nothing is fetched."""
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        folder = context.artifacts["classifier"]
        self.options: dict[str, Any] = dict(context.model_config)
        self.model = AutoModelForSequenceClassification.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, trust_remote_code=False
        ).eval()
        loaded = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        self.tokenizer = loaded.backend_tokenizer
        self.tokenizer.enable_truncation(
            self.options["max_length"], strategy="longest_first", direction=loaded.truncation_side
        )
        self.tokenizer.enable_padding(pad_id=self.model.config.pad_token_id or 0)

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Classify or grade rows of text; as in training, longer ones are cut at the recipe's `max_length`."""
        import torch

        logits: list[list[float]] = []
        with torch.inference_mode():
            for start in range(0, len(model_input), self.options["batch_size"]):
                batch = self._encode(model_input.iloc[start : start + self.options["batch_size"]])
                logits += self.model(**batch).logits.double().tolist()
        if not self.options["label_names"]:
            mean, std = self.options.get("mean", 0.0), self.options.get("std", 1.0)
            return pd.DataFrame({"prediction": [row[0] * std + mean for row in logits]})
        predictions = [max(range(len(row)), key=row.__getitem__) for row in logits]
        names = self.options["label_names"]
        labels = [names[prediction] for prediction in predictions]
        return pd.DataFrame({"prediction": predictions, "label": labels, "logits": logits})

    def _encode(self, rows: pd.DataFrame) -> dict[str, Any]:
        import torch

        first = [str(text) for text in rows["text_a"]]
        pair = "text_b" in rows and rows["text_b"].notna().any()
        inputs = list(zip(first, (str(text) for text in rows["text_b"]), strict=True)) if pair else first
        encodings = self.tokenizer.encode_batch(inputs)
        batch = {
            "input_ids": torch.tensor([encoding.ids for encoding in encodings]),
            "attention_mask": torch.tensor([encoding.attention_mask for encoding in encodings]),
        }
        kinds = getattr(self.model.config, "type_vocab_size", 0)
        if kinds:
            segments = torch.tensor([encoding.type_ids for encoding in encodings])
            batch["token_type_ids"] = segments * int(kinds > 1 and not self.options["legacy_segments"])
        return batch


set_model(FineTunedClassifier())
