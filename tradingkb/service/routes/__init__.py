"""The routes, by who asks: probes, questions, administrators, lists, reports, runbooks."""

from tradingkb.service.routes.administration import router as administration
from tradingkb.service.routes.lists import router as lists
from tradingkb.service.routes.probes import router as probes
from tradingkb.service.routes.questions import router as questions
from tradingkb.service.routes.reports import router as reports
from tradingkb.service.routes.runbooks import router as runbooks
from tradingkb.service.routes.runbooks import starting
from tradingkb.service.routes.trial_reports import router as trial_reports

ROUTERS = (probes, questions, administration, lists, reports, trial_reports, runbooks, starting)

__all__ = ["ROUTERS"]
