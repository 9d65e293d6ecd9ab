// How whole cache lines travel between the levels of the hierarchy over TLM-2.0 sockets.
#pragma once

#include <systemc>
#include <tlm>

#include "hw/types.h"

namespace chrysalis::hw {

/// The extension that turns a generic payload into a line transfer. Its command is TLM_IGNORE_COMMAND:
/// the bytes themselves never move, because the model keeps them once, in memory; address and data
/// length say which line. Accesses to devices are ordinary reads and writes without this extension.
struct LineRequest : tlm::tlm_extension<LineRequest> {
  enum class Kind : uint8_t {
    Fill,       ///< bring the line; the annotated delay on return is when it arrives
    WriteBack,  ///< take a dirty line; posted, the delay on return is when the target accepted it
  };

  Kind kind = Kind::Fill;
  bool instruction = false;          ///< on behalf of L1I; for statistics
  Level served_by = Level::L2;       ///< set by the level that had the line

  tlm::tlm_extension_base* clone() const override { return new LineRequest(*this); }
  void copy_from(const tlm::tlm_extension_base& other) override {
    *this = static_cast<const LineRequest&>(other);
  }
};

/// A payload with its extension, reused for every line transfer of one initiator.
class LinePayload {
 public:
  LinePayload() { payload_.set_extension(&request_); }
  ~LinePayload() { payload_.clear_extension(&request_); }
  LinePayload(const LinePayload&) = delete;
  LinePayload& operator=(const LinePayload&) = delete;

  /// Prepares a transfer of the line of `bytes` bytes at `address`.
  tlm::tlm_generic_payload& prepare(LineRequest::Kind kind, uint64_t address, uint32_t bytes, bool instruction) {
    request_.kind = kind;
    request_.instruction = instruction;
    request_.served_by = Level::L2;
    payload_.set_command(tlm::TLM_IGNORE_COMMAND);
    payload_.set_address(address);
    payload_.set_data_ptr(&no_data_);
    payload_.set_data_length(bytes);
    payload_.set_streaming_width(bytes);
    payload_.set_byte_enable_ptr(nullptr);
    payload_.set_dmi_allowed(false);
    payload_.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
    return payload_;
  }
  const LineRequest& request() const { return request_; }

 private:
  tlm::tlm_generic_payload payload_;
  LineRequest request_;
  unsigned char no_data_ = 0;
};

/// Stops the simulation with the transaction's address when `payload` did not succeed: no initiator here
/// ever sends what its target may refuse, so a refusal is a bug of the model.
void require_ok(const tlm::tlm_generic_payload& payload, const char* initiator);

}  // namespace chrysalis::hw
