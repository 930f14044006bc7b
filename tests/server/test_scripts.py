"""The scripts of the service's page, some of which are the report's."""

from __future__ import annotations

import re

from m2fp_cli.server.app import page_files
from m2fp_cli.server.limits import ServiceLimits

IMPORT = re.compile(r'^import \{([^}]*)\} from "\./([^"]+)";', re.MULTILINE)
# Several may come of one value: export const [below, above] = ...
EXPORT = re.compile(r"^export (?:async )?(?:const|let|class|function) ([\w$]+|[\[{][^=]*)", re.M)


def test_every_name_that_a_script_imports_is_exported():
    texts = {path: data.decode() for path, data in page_files(ServiceLimits()).items()}
    scripts = {path.rpartition("/")[2]: text for path, text in texts.items() if path[-3:] == ".js"}
    exported = {
        name: set(re.findall(r"[\w$]+", " ".join(EXPORT.findall(text))))
        for name, text in scripts.items()
    }
    imports = [found for text in scripts.values() for found in IMPORT.findall(text)]
    assert len(imports) > len(scripts)
    for names, script in imports:
        assert set(re.findall(r"[\w$]+", names)) <= exported[script], script
