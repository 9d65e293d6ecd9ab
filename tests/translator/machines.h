// The machines of machine_shapes.h by name, for parameterised tests.
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "tests/translator/machine_shapes.h"

namespace chrysalis::test {

struct NamedMachine {
  std::string name;
  isa::MachineDescription machine;
};

inline void PrintTo(const NamedMachine& machine, std::ostream* out) { *out << machine.name; }

inline std::vector<NamedMachine> machines() {
  isa::MachineDescription no_alias = denver_like();
  no_alias.alias_entries = 0;
  return {{"crusoe", crusoe_like()}, {"efficeon", efficeon_like()}, {"denver", denver_like()}, {"no_alias", no_alias},
          {"scalar", scalar_like(true)}, {"scalar_no_offset", scalar_like(false)}};
}

}  // namespace chrysalis::test
