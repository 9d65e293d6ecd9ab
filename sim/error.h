// Errors that are the user's to mend, and the exit codes of the command.
#pragma once

#include <stdexcept>
#include <string>

namespace chrysalis::sim {

/// Exit codes of ours; every other one is the guest's own (128+n when signal n ended it).
enum ExitCode : int {
  kExitLimit = 124,     ///< --max-instructions or --max-cycles reached
  kExitUserError = 125, ///< bad option, configuration, machine file, program or output path
  kExitDifference = 122, ///< cosim: two cores differ
  kExitInternal = 123,  ///< a bug of ours: the firmware panicked or an internal check failed
  kExitInterrupted = 130,
};

/// A mistake in what the user gave: its message names the option, file or key, and what would be accepted.
class UserError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace chrysalis::sim
