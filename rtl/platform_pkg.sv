// What lies around the core: memory, devices, the second level, the platform. In simulation these are calls into
// C++ (rtl/bus.h, which also says what each means); a chip would have ports here.
//
// A call in combinational logic is made once per cycle and port at most, after the cycle's stores have been made.
package platform_pkg;
  // -- memory --------------------------------------------------------------------------------------------------
  import "DPI-C" function int unsigned bus_code(input longint unsigned pc, output longint unsigned w0,
      output longint unsigned w1, output longint unsigned w2, output longint unsigned w3);
  import "DPI-C" function void bus_load(input longint unsigned address, input int unsigned size,
      output longint unsigned low, output longint unsigned high);
  import "DPI-C" function void bus_store(input longint unsigned address, input int unsigned size,
      input longint unsigned low, input longint unsigned high);
  import "DPI-C" function void bus_gate(input longint unsigned address, input int unsigned size, input bit device,
      input longint unsigned low, input longint unsigned high);
  import "DPI-C" function void bus_commit(input int unsigned instructions);
  import "DPI-C" function void bus_rollback();
  // -- devices: each tells in how many cycles the answer comes ----------------------------------------------------
  import "DPI-C" function bit bus_device_load(input longint unsigned address, input int unsigned size,
      output longint unsigned low, output longint unsigned high, output int unsigned delay);
  import "DPI-C" function bit bus_device_store(input longint unsigned address, input int unsigned size,
      input longint unsigned low, input longint unsigned high, output int unsigned delay);
  import "DPI-C" function int unsigned bus_device_commit();
  // -- the second level: in which cycle the line arrives, and from where --------------------------------------------
  import "DPI-C" function longint unsigned bus_fill(input bit instruction, input longint unsigned line,
      input longint unsigned received, output bit from_memory);
  import "DPI-C" function void bus_write_back(input longint unsigned line, input longint unsigned received);
  // -- the platform --------------------------------------------------------------------------------------------------
  import "DPI-C" function bit bus_platform(input int unsigned service, input longint unsigned ready,
      output longint unsigned value, output longint unsigned written_begin, output longint unsigned written_end);
  import "DPI-C" function longint unsigned bus_strap(input int unsigned index);
  // -- retire records: an access of a molecule that issues ---------------------------------------------------------------
  import "DPI-C" function void bus_record_access(input bit guest, input bit store, input bit prefetch, input longint unsigned address,
      input int unsigned size);
  // -- atoms that are not hardware yet --------------------------------------------------------------------------------
  import "DPI-C" function void atom_execute(input int unsigned row, input int unsigned count, input longint unsigned ra,
      input longint unsigned va_low, input longint unsigned va_high, input longint unsigned vb_low, input longint unsigned vb_high,
      input longint unsigned vd_low, input longint unsigned vd_high, input longint unsigned fcr, inout longint unsigned fsr,
      output longint unsigned low, output longint unsigned high);

  // Straps: numbers that the machine file gives and that need no other hardware. Index of bus_strap().
  localparam int unsigned StrapConcealedBase = 0;
  localparam int unsigned StrapConcealedSize = 1;
  localparam int unsigned StrapGuestSize = 2;
  localparam int unsigned StrapResetVector = 3;
  localparam int unsigned StrapFeatures = 4;
  localparam int unsigned StrapWidth = 5;
  localparam int unsigned StrapLiteralSlots = 6;
  localparam int unsigned StrapOffset = 7;
  localparam int unsigned StrapAliasEntries = 8;
  localparam int unsigned StrapStoreEntries = 9;
  localparam int unsigned StrapMissRegisters = 10;
  localparam int unsigned StrapPorts = 11;
  localparam int unsigned StrapJtbEntries = 12;
  localparam int unsigned StrapReturnEntries = 13;
  localparam int unsigned StrapBranch = 14;
  localparam int unsigned StrapIndirect = 15;
  localparam int unsigned StrapReturn = 16;
  localparam int unsigned StrapRollback = 17;
  localparam int unsigned StrapEvent = 18;
  localparam int unsigned StrapEret = 19;
  localparam int unsigned StrapSlots = 32;      // 8
  localparam int unsigned StrapLatencies = 64;  // isa_pkg::NumLatencies

  typedef struct packed {
    logic [63:0] concealed_base, concealed_size, guest_size, reset_vector;
    logic [4:0]  features;
    logic [3:0]  width, literal_slots;
    logic        offset;
    logic [3:0]  alias_entries;
    logic [15:0] store_entries, jtb_entries, return_entries;
    logic [7:0]  miss_registers, ports;
    logic [7:0]  branch, indirect, ret, rollback, entry, eret;
  } straps_t;

  // What a molecule has to do with memory, per memory atom: filled by the address unit.
  typedef struct packed {
    logic       valid, load, store, probe, prefetch, guest, protect;
    logic       discard;          // a load's result goes nowhere
    logic [6:0] destination;      // of a load: 0..63 integer, 64..127 floating point
    logic [4:0] bytes;
    logic       is_signed;
    logic [7:0] alias_bits;       // entry to protect, or mask to check
  } memory_atom_t;
endpackage
