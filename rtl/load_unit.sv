// What loads load: bytes of memory or of a device, those over them that the store buffer forwards, and their sign. Combinational.
// A port's access has two pieces if it crosses a page.
`include "loops.svh"

module load_unit
  import platform_pkg::*;
#(
  parameter int unsigned Ports = 2
) (
  input  logic         go_i,                      // the molecule executes
  input  logic         blocked_i,                 // an atom raises an event: nothing is read
  input  memory_atom_t atom_i     [Ports],
  input  logic         device_i   [Ports],        // the access is to a device, which has answered
  input  logic [127:0] device_data_i [Ports],
  input  logic         memory_i   [Ports],        // it is to memory
  input  logic         piece_i    [2*Ports],
  input  logic [63:0]  physical_i [2*Ports],
  input  logic [4:0]   size_i     [2*Ports],
  input  logic [2*Ports-1:0]     forward_i,       // of the store buffer, for each piece: whether it was asked,
  input  logic [2*Ports*16-1:0]  forward_hit_i,   // bytes that it has
  input  logic [2*Ports*128-1:0] forward_data_i,
  output logic [127:0] value_o     [Ports],
  output logic         forwarded_o [2*Ports]      // every byte is in the store buffer (D9)
);
  always_comb begin
    logic [127:0] value;
    logic [15:0]  hit, wanted;
    longint unsigned low, high;
    low    = 0;
    high   = 0;
    value  = '0;
    hit    = '0;
    wanted = '0;
    `ROLLED(p, Ports) begin
      value_o[p]         = '0;
      forwarded_o[2*p]   = 1'b0;
      forwarded_o[2*p+1] = 1'b0;
      if (go_i && atom_i[p].load) begin
        if (device_i[p]) begin
          value_o[p] = device_data_i[p];
        end else begin
          `ROLLED(k, 2) begin
            if (piece_i[2*p+k] && memory_i[p] && !blocked_i) begin
              bus_load(physical_i[2*p+k], 32'(size_i[2*p+k]), low, high);
              value  = {high, low};
              wanted = ~(16'hffff << size_i[2*p+k]);
              hit    = forward_i[2*p+k] ? forward_hit_i[16*(2*p+k) +: 16] & wanted : 16'd0;
              forwarded_o[2*p+k] = hit == wanted;
              if (hit != '0) begin
                `ROLLED(y, 16) if (hit[y]) value[8*y +: 8] = forward_data_i[128*(2*p+k) + 8*y +: 8];
              end
              value_o[p] = value_o[p] | (k == 0 ? value : value << {size_i[2*p], 3'b000});
            end
          end
          // Bytes in two lines of one page are one access.
          if (!piece_i[2*p+1]) forwarded_o[2*p+1] = forwarded_o[2*p];
        end
        if (atom_i[p].is_signed) begin
          unique case (atom_i[p].bytes)
            5'd1:    value_o[p][63:8]  = {56{value_o[p][7]}};
            5'd2:    value_o[p][63:16] = {48{value_o[p][15]}};
            default: value_o[p][63:32] = {32{value_o[p][31]}};
          endcase
        end
      end
    end
  end
endmodule
