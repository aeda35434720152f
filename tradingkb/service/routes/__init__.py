"""The routes, by who asks: probes, questions, administrators, lists."""

from tradingkb.service.routes.administration import router as administration
from tradingkb.service.routes.lists import router as lists
from tradingkb.service.routes.probes import router as probes
from tradingkb.service.routes.questions import router as questions

ROUTERS = (probes, questions, administration, lists)

__all__ = ["ROUTERS"]
