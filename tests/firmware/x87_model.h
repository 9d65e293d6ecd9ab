// Random x87 sequences with what lifted code and the firmware's x87 unit make of them.
#pragma once

#include <string>
#include <vector>

#include "firmware/abi.h"
#include "tests/oracle/oracle.h"
#include "tests/x86-frontend/guest_model.h"

namespace chrysalis::test {

/// The guest with an x87 unit.
class X87Model : public GuestModel {
 public:
  using GuestModel::GuestModel;

  using GuestModel::load;
  void load(const oracle::X87State& state);
  HelperResult helper(uint32_t imm, const uint64_t (&source)[4], Machine& machine, StoreLog& log) override;

  /// Of the instruction being evaluated, for the unit.
  uint32_t eip = 0;
  /// With the registers that the unit shares with the evaluator.
  fw::GuestContext context{};
};

struct X87Sequence {
  oracle::Case plan{};
  oracle::Outcome expected{};
  std::vector<uint16_t> opcodes;   ///< executed, as FOP records them, and whether...
  std::string violation;           ///< not empty: an invariant of lifting was broken
};

/// Fills the data pages of every image with operands of all formats.
void fill_x87_images(oracle::Oracle& oracle);

/// Makes sequence number `seed`.
X87Sequence make_x87_sequence(X87Model& model, const oracle::Shared& shared, uint64_t seed);
/// Runs plan again, after it was edited.
void replay_x87_sequence(X87Model& model, X87Sequence& sequence);

/// Empty if the processor did as expected, else a line per difference.
std::string x87_difference(const X87Sequence& sequence, const oracle::Outcome& actual);
std::string describe_x87(const X87Sequence& sequence);

}  // namespace chrysalis::test
