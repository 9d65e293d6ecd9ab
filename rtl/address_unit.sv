// The address unit: translation, the events of memory atoms, and what each access is in physical bytes.
// docs/host-isa.md, "Guest memory" and "Concealed memory".
//
// One port per memory atom of a molecule, in the order of the atoms. A guest access that crosses a page has two pieces;
// piece 0 of port p is index 2p, piece 1 index 2p+1. Combinational but for the TLB, which the core writes, and for what
// devices have answered: they are asked in the cycle in which the molecule is ready (D11), once.
`include "loops.svh"

module address_unit
  import isa_pkg::*;
  import platform_pkg::*;
#(
  parameter int unsigned Ports = 1,
  parameter int unsigned TlbEntries = 64,
  parameter int unsigned TlbWays = 4
) (
  input  logic         clk_i,
  input  logic         rst_ni,
  input  straps_t      straps_i,

  input  logic         go_i,            // the molecule is ready, in this cycle or an earlier one
  input  logic         first_i,         // in this one
  input  memory_atom_t atom_i    [Ports],
  input  logic [63:0]  address_i [Ports],
  input  logic [127:0] data_i    [Ports],
  input  logic         user_i, iomode_i,
  input  logic [15:0]  gated_i,         // entries of the store buffer that are gated
  input  logic [7:0]   alias_hits_i [Ports],   // as the alias unit finds

  output logic         event_o,
  output logic [3:0]   cause_o,
  output logic [63:0]  event_address_o,
  output logic [63:0]  event_info_o,
  output logic         concealed_done_o [Ports],  // concealed stores made, though another raised the event
  output logic [15:0]  device_delay_o,            // cycles until devices have answered

  output logic         piece_o    [2*Ports],
  output logic [63:0]  physical_o [2*Ports],
  output logic [4:0]   size_o     [2*Ports],
  output logic         device_o   [Ports],
  output logic         memory_o   [Ports],        // it goes to memory: not a device, not a prefetch without translation
  output logic [127:0] device_data_o [Ports],     // what devices answered to loads

  // the TLB's other users
  input  logic         probe_i,
  input  logic [19:0]  probe_page_i,
  output logic [63:0]  probe_o,
  input  logic         write_i,
  input  logic [63:0]  word0_i, word1_i,
  input  logic         flush_i, keep_global_i, flush_page_i,
  input  logic [19:0]  page_i
);
  localparam int unsigned Lookups = 2 * Ports + 1;
  logic        lookup      [Lookups];
  logic [19:0] lookup_page [Lookups];
  logic        hit         [Lookups];
  logic [6:0]  flags       [Lookups];
  logic [31:0] granules    [Lookups];
  logic [63:0] frame       [Lookups];
  logic        plain       [Lookups];

  tlb #(.Entries(TlbEntries), .Ways(TlbWays), .Ports(Lookups)) i_tlb (
    .clk_i, .rst_ni, .straps_i,
    .lookup_valid_i(lookup), .lookup_page_i(lookup_page),
    .hit_o(hit), .flags_o(flags), .granules_o(granules), .physical_o(frame), .memory_o(plain),
    .write_i, .word0_i, .word1_i, .flush_i, .keep_global_i, .flush_page_i, .page_i
  );

  function automatic logic is_memory(input logic [63:0] physical, input logic [4:0] size);
    logic [63:0] offset;
    offset = physical - straps_i.concealed_base;
    return (physical < straps_i.guest_size && 64'(size) <= straps_i.guest_size - physical) ||
           (physical >= straps_i.guest_size && offset < straps_i.concealed_size && 64'(size) <= straps_i.concealed_size - offset);
  endfunction

  // Granules that bytes of one page touch.
  function automatic logic [31:0] granules_of(input logic [11:0] offset, input logic [4:0] size);
    logic [11:0] last;
    last = offset + 12'(size) - 12'd1;
    return (32'hffff_ffff >> (5'd31 - last[11:GranuleShift])) & (32'hffff_ffff << offset[11:GranuleShift]);
  endfunction

  // -- pieces ---------------------------------------------------------------------------------------------------------
  logic [31:0] guest_address [2*Ports];
  always_comb begin
    logic [12:0] left;
    left = '0;
    for (int unsigned p = 0; p < Ports; p++) begin
      left                   = 13'd4096 - 13'(address_i[p][11:0]);
      piece_o[2*p]           = go_i && atom_i[p].valid;
      piece_o[2*p+1]         = go_i && atom_i[p].valid && atom_i[p].guest && !atom_i[p].prefetch && 13'(atom_i[p].bytes) > left;
      size_o[2*p]            = piece_o[2*p+1] ? left[4:0] : atom_i[p].bytes;
      size_o[2*p+1]          = piece_o[2*p+1] ? atom_i[p].bytes - left[4:0] : 5'd0;
      guest_address[2*p]     = address_i[p][31:0];
      guest_address[2*p+1]   = address_i[p][31:0] + 32'(left);
      for (int unsigned k = 0; k < 2; k++) begin
        lookup[2*p+k]      = piece_o[2*p+k] && atom_i[p].guest;
        lookup_page[2*p+k] = guest_address[2*p+k][31:12];
      end
    end
    lookup[2*Ports]      = probe_i;
    lookup_page[2*Ports] = probe_page_i;
  end

  // -- and where they are in physical memory --------------------------------------------------------------------------
  always_comb begin
    for (int unsigned p = 0; p < Ports; p++) begin
      for (int unsigned k = 0; k < 2; k++) begin
        physical_o[2*p+k]  = atom_i[p].guest ? frame[2*p+k] | 64'(guest_address[2*p+k][11:0]) : address_i[p];
      end
      device_o[p] = piece_o[2*p] && !atom_i[p].prefetch &&
                    (atom_i[p].guest ? flags[2*p][TlbDevice] : !is_memory(address_i[p], atom_i[p].bytes));
      memory_o[p] = piece_o[2*p] && !device_o[p] && !atom_i[p].probe &&
                    (!atom_i[p].prefetch || (atom_i[p].guest ? hit[2*p] && plain[2*p] && (!user_i || flags[2*p][TlbUser])
                                                             : is_memory(address_i[p], 5'd1)));
    end
    probe_o              = hit[2*Ports] ? frame[2*Ports] | 64'(flags[2*Ports]) : 64'd0;
  end

  // Alias entries that the molecule's own loads protect are checked as it leaves them.
  logic [7:0] own_entries;
  logic [7:0] own_hits [Ports];
  always_comb begin
    own_entries = '0;
    for (int unsigned p = 0; p < Ports; p++) own_hits[p] = '0;
    for (int unsigned l = 0; l < Ports; l++) begin
      if (piece_o[2*l] && atom_i[l].protect && 4'(atom_i[l].alias_bits[2:0]) < straps_i.alias_entries) begin
        own_entries[atom_i[l].alias_bits[2:0]] = 1'b1;
        for (int unsigned p = 0; p < Ports; p++) begin
          for (int unsigned k = 0; k < 4; k++) begin
            if (piece_o[2*l+k/2] && piece_o[2*p+k%2] && physical_o[2*l+k/2] < physical_o[2*p+k%2] + 64'(size_o[2*p+k%2]) &&
                physical_o[2*p+k%2] < physical_o[2*l+k/2] + 64'(size_o[2*l+k/2])) own_hits[p][atom_i[l].alias_bits[2:0]] = 1'b1;
          end
        end
      end
    end
  end

  // -- events: those of loads and probes come first, then guest stores, then concealed stores -----------------------------
  logic [127:0] answer_q [Ports], answer_d [Ports];
  always_comb begin
    logic [63:0] access, extra, low, high;
    logic [15:0] taken, limit;
    logic [3:0]  cause;
    logic [7:0]  hits;
    logic        write, mine;
    int unsigned delay;
    event_o         = 1'b0;
    cause_o         = 4'(CauseNone);
    event_address_o = '0;
    event_info_o    = '0;
    device_delay_o  = '0;
    taken           = gated_i;
    limit           = straps_i.store_entries;
    access          = '0;
    extra           = '0;
    low             = '0;
    high            = '0;
    cause           = '0;
    hits            = '0;
    write           = 1'b0;
    mine            = 1'b0;
    delay           = 0;
    for (int unsigned p = 0; p < Ports; p++) begin
      concealed_done_o[p] = 1'b0;
      answer_d[p]         = answer_q[p];
    end
    if (go_i && first_i) begin
      `ROLLED(pass, 3) begin
        `ROLLED(p, Ports) begin
          mine = pass == 0 ? atom_i[p].load || atom_i[p].probe : atom_i[p].store && atom_i[p].guest == (pass == 1);
          if (!event_o && atom_i[p].valid && mine) begin
            write  = !atom_i[p].load;
            access = 64'(atom_i[p].bytes) | (64'(write) << InfoWrite);
            if (atom_i[p].guest) begin
              access = access | (64'(user_i) << InfoUser);
              `ROLLED(k, 2) begin
                if (piece_o[2*p+k] && !event_o) begin
                  cause = 4'(CauseNone);
                  extra = '0;
                  if (!hit[2*p+k]) begin
                    cause = 4'(CauseTlbMiss);
                  end else if (user_i && !flags[2*p+k][TlbUser]) begin
                    cause = 4'(CauseGuestFault);
                    extra = 64'd1 << InfoSupervisor;
                  end else if (write && !flags[2*p+k][TlbWritable]) begin
                    cause = 4'(CauseGuestFault);
                    extra = 64'd1 << InfoReadOnly;
                  end else if (write && !flags[2*p+k][TlbDirty]) begin
                    cause = 4'(CauseGuestFault);
                    extra = 64'd1 << InfoClean;
                  end else if (physical_o[2*p+k] < straps_i.concealed_base + straps_i.concealed_size &&
                               straps_i.concealed_base < physical_o[2*p+k] + 64'(size_o[2*p+k])) begin
                    cause = 4'(CauseConcealedAccess);
                  end else if (write && flags[2*p+k][TlbTranslated] &&
                               (granules[2*p+k] & granules_of(guest_address[2*p+k][11:0], size_o[2*p+k])) != '0) begin
                    cause = 4'(CauseTranslatedWrite);
                    extra = (frame[2*p+k] >> PageShift) << InfoPageShift;
                  end else if (flags[2*p+k][TlbDevice] && (!iomode_i || (!write && gated_i != '0))) begin
                    cause = 4'(CauseDeviceAccess);
                  end else if (!flags[2*p+k][TlbDevice] && !plain[2*p+k] && !is_memory(physical_o[2*p+k], size_o[2*p+k])) begin
                    cause = 4'(CauseBusError);
                  end
                  if (cause != 4'(CauseNone)) begin
                    event_o         = 1'b1;
                    cause_o         = cause;
                    event_address_o = 64'(guest_address[2*p+k]);
                    event_info_o    = access | extra;
                  end
                end
              end
              // No order that a device could see would be right.
              if (!event_o && piece_o[2*p+1] && flags[2*p][TlbDevice] != flags[2*p+1][TlbDevice]) begin
                event_o         = 1'b1;
                cause_o         = 4'(CauseBusError);
                event_address_o = 64'(guest_address[2*p]);
                event_info_o    = access;
              end
            end
            // Devices answer loads and concealed stores.
            if (!event_o && device_o[p] && (atom_i[p].load || (atom_i[p].store && !atom_i[p].guest))) begin
              answer_d[p] = '0;
              for (int unsigned k = 0; k < 2; k++) begin
                if (piece_o[2*p+k] && !event_o) begin
                  delay = 0;
                  if (atom_i[p].load) begin
                    if (bus_device_load(physical_o[2*p+k], 32'(size_o[2*p+k]), low, high, delay)) begin
                      answer_d[p] = answer_d[p] | (k == 0 ? {high, low} : {high, low} << {size_o[2*p], 3'b000});
                    end else begin
                      event_o = 1'b1;
                    end
                  end else if (!bus_device_store(physical_o[2*p], 32'(size_o[2*p]), data_i[p][63:0], data_i[p][127:64], delay)) begin
                    event_o = 1'b1;
                  end
                  if (event_o) begin
                    cause_o         = 4'(CauseBusError);
                    event_address_o = atom_i[p].guest ? 64'(guest_address[2*p]) : address_i[p];
                    event_info_o    = access;
                  end
                  if (16'(delay) > device_delay_o) device_delay_o = 16'(delay);
                end
              end
            end
            if (!event_o && atom_i[p].store && !atom_i[p].guest) concealed_done_o[p] = !device_o[p];
            // What stores alone are checked for.
            if (!event_o && atom_i[p].store && atom_i[p].guest) begin
              // An entry that the machine does not have always hits.
              hits = (alias_hits_i[p] & ~own_entries) |
                     (atom_i[p].alias_bits & (own_hits[p] | ~((8'd1 << straps_i.alias_entries) - 8'd1)));
              if (hits != '0) begin
                event_o         = 1'b1;
                cause_o         = 4'(CauseAliasFault);
                event_address_o = 64'(guest_address[2*p]);
                event_info_o    = access | (64'(hits) << InfoEntriesShift);
              end else if (limit - taken < (piece_o[2*p+1] ? 16'd2 : 16'd1)) begin
                event_o         = 1'b1;
                cause_o         = 4'(CauseStoreBufferFull);
                event_address_o = 64'(guest_address[2*p]);
                event_info_o    = access;
              end
              taken = taken + (piece_o[2*p+1] ? 16'd2 : 16'd1);
            end
          end
        end
      end
    end
    for (int unsigned p = 0; p < Ports; p++) device_data_o[p] = answer_d[p];
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      for (int unsigned p = 0; p < Ports; p++) answer_q[p] <= '0;
    end else begin
      for (int unsigned p = 0; p < Ports; p++) answer_q[p] <= answer_d[p];
    end
  end
endmodule
