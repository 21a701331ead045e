from pvlib import iam

angles = [0.0, 30.0, 60.0, 90.0, 120.0]
for angle, modifier in zip(angles, iam.physical(angles, n=1.0, K=4.0, L=0.002), strict=True):
    print(f"angle {angle:.1f} modifier {modifier:.4f}")
