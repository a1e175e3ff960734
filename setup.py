"""What pyproject.toml cannot say: in the wheel, the workflow's folders lie inside the package."""

from setuptools import find_packages, setup

SHIPPED = ("workflow", "config", "profiles", "envs")

setup(
    packages=[*find_packages(include=["bes*"]), *(f"bes.shipped.{name}" for name in SHIPPED)],
    package_dir={f"bes.shipped.{name}": name for name in SHIPPED},
    package_data={
        "bes": ["py.typed"],
        "bes.report": ["*.html", "*.css", "*.js", "*.json"],
        "bes.review": ["*.html", "*.css", "*.js"],
        **{f"bes.shipped.{name}": ["**/*", "*"] for name in SHIPPED},
    },
)
