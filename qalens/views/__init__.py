"""Pictures of records: HTML, matplotlib, plain text. No view knows the model."""
