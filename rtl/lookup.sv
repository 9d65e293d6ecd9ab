// Look-up help: the jump translation buffer and the dual-address return stack. docs/host-isa.md, "Look-up help".
//
// A machine without one has its number of entries strapped to 0: look-ups fail, writes do nothing. Strapped numbers
// are powers of two for the buffer, and at most the built ones. Operations are made at the end of the cycle, if given.
module lookup
  import platform_pkg::*;
#(
  parameter int unsigned JtbEntries    = 64,
  parameter int unsigned ReturnEntries = 8
) (
  input  logic        clk_i,
  input  logic        rst_ni,
  input  straps_t     straps_i,

  input  logic [31:0] jtb_guest_i,
  output logic [63:0] jtb_host_o,      // 0: no entry
  input  logic        jtb_write_i,
  input  logic [31:0] jtb_write_guest_i,
  input  logic [63:0] jtb_write_host_i,
  input  logic        jtb_clear_i,

  output logic [31:0] top_guest_o,     // pair on the top of the stack
  output logic [63:0] top_host_o,      // 0: the stack is empty
  input  logic        pop_i,           // before the push, if both
  input  logic        push_i,
  input  logic [31:0] push_guest_i,
  input  logic [63:0] push_host_i,
  input  logic        return_clear_i
);
  localparam int unsigned JtbWidth   = JtbEntries > 1 ? $clog2(JtbEntries) : 1;
  localparam int unsigned TopWidth   = ReturnEntries > 1 ? $clog2(ReturnEntries) : 1;
  localparam int unsigned DepthWidth = $clog2(ReturnEntries + 1);

  // -- jump translation buffer: direct-mapped -------------------------------------------------------------------------
  logic [JtbEntries-1:0] jtb_valid_q;
  logic [63:0] jtb_host_q  [JtbEntries];
  logic [31:0] jtb_guest_q [JtbEntries];

  function automatic logic [JtbWidth-1:0] index(input logic [31:0] guest);
    return JtbWidth'((guest ^ guest >> 4 ^ guest >> 12) & (32'(straps_i.jtb_entries) - 32'd1));
  endfunction

  always_comb begin
    jtb_host_o = '0;
    if (straps_i.jtb_entries != '0 && jtb_valid_q[index(jtb_guest_i)] && jtb_guest_q[index(jtb_guest_i)] == jtb_guest_i) jtb_host_o = jtb_host_q[index(jtb_guest_i)];
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      jtb_valid_q <= '0;
    end else if (jtb_clear_i) begin
      jtb_valid_q <= '0;
    end else if (jtb_write_i && straps_i.jtb_entries != '0) begin
      jtb_valid_q[index(jtb_write_guest_i)] <= 1'b1;
    end
  end
  always_ff @(posedge clk_i) begin
    if (jtb_write_i && straps_i.jtb_entries != '0) begin
      jtb_guest_q[index(jtb_write_guest_i)] <= jtb_write_guest_i;
      jtb_host_q[index(jtb_write_guest_i)]  <= jtb_write_host_i;
    end
  end

  // -- return stack: circular ----------------------------------------------------------------------------------------------
  logic [31:0]           guest_q [ReturnEntries];
  logic [63:0]           host_q  [ReturnEntries];
  logic [TopWidth-1:0]   top_q, top_d, popped;
  logic [DepthWidth-1:0] depth_q, depth_d;

  assign top_guest_o = guest_q[top_q];
  assign top_host_o  = depth_q != '0 ? host_q[top_q] : '0;

  always_comb begin
    top_d   = top_q;
    depth_d = depth_q;
    popped  = top_q == '0 ? TopWidth'(32'(straps_i.return_entries) - 1) : top_q - 1'b1;
    if (pop_i && depth_q != '0) begin
      top_d   = popped;
      depth_d = depth_q - 1'b1;
    end
    if (push_i && straps_i.return_entries != '0) begin
      top_d = 32'(top_d) + 1 == 32'(straps_i.return_entries) ? '0 : top_d + 1'b1;
      if (32'(depth_d) < 32'(straps_i.return_entries)) depth_d = depth_d + 1'b1;
    end
    if (return_clear_i) depth_d = '0;
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      top_q   <= '0;
      depth_q <= '0;
    end else begin
      top_q   <= top_d;
      depth_q <= depth_d;
    end
  end
  always_ff @(posedge clk_i) begin
    if (push_i && straps_i.return_entries != '0) begin
      guest_q[top_d] <= push_guest_i;
      host_q[top_d]  <= push_host_i;
    end
  end
endmodule
