"""What happens inside the model, layer by layer and head by head."""
