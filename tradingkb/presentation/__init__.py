"""How an answer looks: a card for notebooks, a figure, lines for a terminal, an offline report.

Everything here takes `Recommendation.to_dict()` or `Evaluation.to_dict()` and gives the same output
for the same answer: no request id, clock or path is shown, because outputs of notebooks are
compared. The page of an evaluation alone says when it was made.
"""
