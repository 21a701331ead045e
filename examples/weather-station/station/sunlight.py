"""How much sun the hours brought."""

JOULES_A_KWH = 3.6e6


class SunlightBudget:
    """Energy on a square metre, by the trapezoid rule over the minutes."""

    def __init__(self):
        self.joules = 0.0
        self.last = None

    def add(self, minute, irradiance):
        if self.last is not None:
            last_minute, last_irradiance = self.last
            seconds = (minute - last_minute) * 60.0
            self.joules += (last_irradiance + irradiance) / 2.0 * seconds
        self.last = (minute, irradiance)

    def close_period(self):
        """The sum since the last call, in kWh/m2."""
        energy = self.joules / JOULES_A_KWH
        self.joules = 0.0
        return energy
