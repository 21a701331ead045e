from pvlib import irradiance

for zenith in range(5, 65, 5):
    for offset in (0, 3):
        tilt = float(zenith + offset)
        angle = irradiance.aoi(tilt, 180.0, tilt, 180.0)
        print(f"tilt {tilt:.1f} angle {angle:.4f}")
