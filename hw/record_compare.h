// Two cores' records of one molecule, compared: what lockstep of cores that know time rests on.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "hw/observer.h"

namespace chrysalis::hw {

struct FieldDifference {
  std::string field, leader, follower;
};

/// The first field in which the observations, or the records that both have, differ. Cycles and the account's leaves are fields too.
std::optional<FieldDifference> first_difference(const Observation& leader, const Observation& follower);

/// An observation with its record, to keep.
struct KeptRecord {
  KeptRecord() = default;
  explicit KeptRecord(const Observation& observed) { keep(observed); }
  void keep(const Observation& observed);
  /// As it was observed; valid as long as this object.
  Observation view();

  Observation observation;  ///< its `record` is null
  RetireRecord record;
  std::vector<isa::GatedStore> released;
};

// Values as reports show them.
std::string hex(uint64_t value);
std::string hex(const isa::V128& value);
std::string hex(const uint8_t* bytes, unsigned size);
std::string register_name(unsigned reg);  ///< isa::RegName

}  // namespace chrysalis::hw
