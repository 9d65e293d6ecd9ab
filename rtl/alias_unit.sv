// The alias entries: docs/host-isa.md, "Alias entries"; docs/timing.md, rule D10.
//
// A load-and-protect records the physical bytes of its access in the entry that it names. A store under mask is
// checked against the entries of its mask: it hits those whose bytes overlap its own, and nothing else. An entry
// that the machine does not have (number >= Entries) is never written and always hits.
//
// Bytes of an access are one or two ranges, two if it crosses a page; a range of size 0 is empty. No range passes the
// end of the address space.
//
//   protect_*_i   one port per load, presented in the cycle in which its molecule issues; all have an entry of
//                 their own (the encoder sees to it).
//   check_*_i     one port per store; hits_o tells in the same cycle, from the entries as they were before this
//                 cycle's molecule. A store with any hit raises AliasFault, and then nothing of its molecule is presented.
//   clear_i       drops all entries, those presented in this cycle included (rollback, aliascl).
//   valid_o       the entries that hold something.
//
// Ports are flat vectors, port p's range r at [(2*p + r)*Width +: Width].
module alias_unit #(
  parameter int unsigned Entries    = 8,   // 1 to MaxEntries
  parameter int unsigned LoadPorts  = 1,
  parameter int unsigned StorePorts = 2,
  parameter int unsigned AddrWidth  = 32,
  parameter int unsigned SizeWidth  = 5,
  localparam int unsigned MaxEntries = 8,  // that an instruction can name
  localparam int unsigned NameWidth  = 3
) (
  input  logic                                clk_i,
  input  logic                                rst_ni,

  input  logic [LoadPorts-1:0]                protect_valid_i,
  input  logic [LoadPorts*NameWidth-1:0]      protect_entry_i,
  input  logic [LoadPorts*2*AddrWidth-1:0]    protect_addr_i,
  input  logic [LoadPorts*2*SizeWidth-1:0]    protect_size_i,
  input  logic                                clear_i,

  input  logic [StorePorts*MaxEntries-1:0]    check_mask_i,
  input  logic [StorePorts*2*AddrWidth-1:0]   check_addr_i,
  input  logic [StorePorts*2*SizeWidth-1:0]   check_size_i,
  output logic [StorePorts*MaxEntries-1:0]    hits_o,

  output logic [Entries-1:0]                  valid_o
);
  // Where a range begins and the first address behind it.
  logic [AddrWidth-1:0] begin_q [2*Entries];
  logic [AddrWidth:0]   end_q   [2*Entries];
  logic [Entries-1:0]   valid_q, valid_d;

  // -- checks ------------------------------------------------------------------------------------------------------
  logic [Entries-1:0] overlaps [StorePorts];
  always_comb begin
    for (int unsigned p = 0; p < StorePorts; p++) begin
      overlaps[p] = '0;
      for (int unsigned r = 0; r < 2; r++) begin
        logic [AddrWidth-1:0] first;
        logic [AddrWidth:0]   beyond;
        first  = check_addr_i[(2*p + r)*AddrWidth +: AddrWidth];
        beyond = {1'b0, first} + (AddrWidth+1)'(check_size_i[(2*p + r)*SizeWidth +: SizeWidth]);
        for (int unsigned e = 0; e < Entries; e++) begin
          for (int unsigned s = 0; s < 2; s++) begin
            // An empty range begins where it ends, so it is before or behind every other: no test of its own.
            if ({1'b0, begin_q[2*e + s]} < beyond && {1'b0, first} < end_q[2*e + s] &&
                {1'b0, begin_q[2*e + s]} != end_q[2*e + s] && {1'b0, first} != beyond) overlaps[p][e] = 1'b1;
          end
        end
      end
      for (int unsigned n = 0; n < MaxEntries; n++) begin
        hits_o[p*MaxEntries + n] =
            check_mask_i[p*MaxEntries + n] && (n >= Entries || (overlaps[p][n % Entries] && valid_q[n % Entries]));
      end
    end
  end

  // -- recording ---------------------------------------------------------------------------------------------------
  logic [Entries-1:0] written [LoadPorts];
  always_comb begin
    valid_d = valid_q;
    for (int unsigned p = 0; p < LoadPorts; p++) begin
      for (int unsigned e = 0; e < Entries; e++) begin
        written[p][e] = protect_valid_i[p] && 32'(protect_entry_i[p*NameWidth +: NameWidth]) == e;
        if (written[p][e]) valid_d[e] = 1'b1;
      end
    end
    if (clear_i) valid_d = '0;
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) valid_q <= '0;
    else         valid_q <= valid_d;
  end

  // Contents need no reset: valid_q says which count.
  always_ff @(posedge clk_i) begin
    for (int unsigned e = 0; e < Entries; e++) begin
      for (int unsigned p = 0; p < LoadPorts; p++) begin
        for (int unsigned r = 0; r < 2; r++) begin
          if (written[p][e]) begin
            begin_q[2*e + r] <= protect_addr_i[(2*p + r)*AddrWidth +: AddrWidth];
            end_q[2*e + r]   <= {1'b0, protect_addr_i[(2*p + r)*AddrWidth +: AddrWidth]} +
                                (AddrWidth+1)'(protect_size_i[(2*p + r)*SizeWidth +: SizeWidth]);
          end
        end
      end
    end
  end

  assign valid_o = valid_q;

  // -- assertions ----------------------------------------------------------------------------------------------------
`ifndef SYNTHESIS
  logic same_entry_twice;
  always_comb begin
    same_entry_twice = 1'b0;
    for (int unsigned p = 1; p < LoadPorts; p++) begin
      for (int unsigned q = 0; q < p; q++) begin
        if (protect_valid_i[p] && protect_valid_i[q] &&
            protect_entry_i[p*NameWidth +: NameWidth] == protect_entry_i[q*NameWidth +: NameWidth]) same_entry_twice = 1'b1;
      end
    end
  end
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (rst_ni) begin
      EntriesDiffer: assert (!same_entry_twice);
    end
  end
`endif
`ifdef FORMAL
  `include "alias_unit.svh"  // the properties that rtl/formal/prove.py proves
`endif
endmodule
