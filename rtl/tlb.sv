// The TLB: docs/host-isa.md, "Guest memory". The firmware fills it; a look-up changes nothing. Within a set the ways
// are replaced in turn, except that a page already present is overwritten in place.
//
// Look-ups are combinational. write, flush and flush_page are made at the end of the cycle, one at most.
`include "loops.svh"

module tlb
  import isa_pkg::*;
  import platform_pkg::*;
#(
  parameter int unsigned Entries = 64,   // a power of two
  parameter int unsigned Ways    = 4,    // a power of two
  parameter int unsigned Ports   = 2
) (
  input  logic         clk_i,
  input  logic         rst_ni,
  input  straps_t      straps_i,

  input  logic         lookup_valid_i [Ports],
  input  logic [19:0]  lookup_page_i  [Ports],
  output logic         hit_o      [Ports],
  output logic [6:0]   flags_o    [Ports],
  output logic [31:0]  granules_o [Ports],
  output logic [63:0]  physical_o [Ports],   // of the page
  output logic         memory_o   [Ports],   // the page is plain memory, not concealed, no device

  input  logic         write_i,
  input  logic [63:0]  word0_i, word1_i,
  input  logic         flush_i,              // all entries; with keep_global_i all but the global ones
  input  logic         keep_global_i,
  input  logic         flush_page_i,
  input  logic [19:0]  page_i
);
  localparam int unsigned Sets = Entries / Ways;
  localparam int unsigned SetWidth = Sets > 1 ? $clog2(Sets) : 1;
  localparam int unsigned WayWidth = Ways > 1 ? $clog2(Ways) : 1;
  localparam int unsigned EntryWidth = Entries > 1 ? $clog2(Entries) : 1;

  logic [Entries-1:0]  valid_q, global_q;      // set by set
  logic [19:0]         page_q     [Entries];
  logic [6:0]          flags_q    [Entries];
  logic [31:0]         granules_q [Entries];
  logic [51:0]         physical_q [Entries];
  logic                memory_q   [Entries];
  logic [Sets-1:0][WayWidth-1:0] next_q;       // way that is replaced next

  function automatic logic [SetWidth-1:0] set_of(input logic [19:0] page);
    return Sets > 1 ? page[SetWidth-1:0] : '0;
  endfunction
  function automatic logic [EntryWidth-1:0] entry_of(input logic [19:0] page, input int unsigned way);
    return EntryWidth'(32'(set_of(page)) * Ways + way);
  endfunction

  always_comb begin
    `ROLLED(p, Ports) begin
      hit_o[p]      = 1'b0;
      flags_o[p]    = '0;
      granules_o[p] = '0;
      physical_o[p] = '0;
      memory_o[p]   = 1'b0;
      if (lookup_valid_i[p]) begin
        `ROLLED(w, Ways) begin
          if (valid_q[entry_of(lookup_page_i[p], w)] && page_q[entry_of(lookup_page_i[p], w)] == lookup_page_i[p]) begin
            hit_o[p]      = 1'b1;
            flags_o[p]    = flags_q[entry_of(lookup_page_i[p], w)];
            granules_o[p] = granules_q[entry_of(lookup_page_i[p], w)];
            physical_o[p] = {physical_q[entry_of(lookup_page_i[p], w)], 12'd0};
            memory_o[p]   = memory_q[entry_of(lookup_page_i[p], w)];
          end
        end
      end
    end
  end

  // -- writing -----------------------------------------------------------------------------------------------------
  logic                  found;
  logic [EntryWidth-1:0] place;
  logic [19:0]           page;
  logic [63:0]           page_address;
  logic                  plain;
  always_comb begin
    page  = write_i ? word0_i[19:0] : page_i;
    found = 1'b0;
    place = entry_of(page, 32'(next_q[set_of(page)]));
    if (write_i || flush_page_i) begin
      `ROLLED(w, Ways) begin
        if (valid_q[entry_of(page, w)] && page_q[entry_of(page, w)] == page) begin
          found = 1'b1;
          place = entry_of(page, w);
        end
      end
    end
    page_address = {word1_i[63:12], 12'd0};
    plain = !word1_i[TlbDevice] && page_address < straps_i.guest_size && straps_i.guest_size - page_address >= 64'd4096 &&
            !(page_address < straps_i.concealed_base + straps_i.concealed_size && straps_i.concealed_base < page_address + 64'd4096);
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      valid_q  <= '0;
      global_q <= '0;
      next_q   <= '0;
    end else if (flush_i) begin
      valid_q <= keep_global_i ? valid_q & global_q : '0;
      next_q  <= '0;
    end else if (flush_page_i) begin
      if (found) valid_q[place] <= 1'b0;
    end else if (write_i) begin
      if (word1_i[TlbValid]) begin
        valid_q[place]  <= 1'b1;
        global_q[place] <= word1_i[TlbGlobal];
        if (!found) next_q[set_of(page)] <= WayWidth'((32'(next_q[set_of(page)]) + 1) % Ways);
      end else if (found) begin
        valid_q[place] <= 1'b0;
      end
    end
  end

  // Contents need no reset: valid_q says which count.
  always_ff @(posedge clk_i) begin
    if (write_i && word1_i[TlbValid]) begin
      page_q[place]     <= page;
      flags_q[place]    <= word1_i[6:0];
      granules_q[place] <= word0_i[63:32];
      physical_q[place] <= word1_i[63:12];
      memory_q[place]   <= plain;
    end
  end
endmodule
