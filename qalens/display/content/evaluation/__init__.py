"""What is shown of whole evaluations: reports, confidences, comparisons, models, promises, behaviour."""
