// Gives the memory atoms of a molecule their ports, in the order of the atoms: what each does, its address and its data. Combinational.
// No molecule has more of them than there are ports: the decoder refuses it.
module memory_ports
  import isa_pkg::*;
  import platform_pkg::*;
#(
  parameter int unsigned Width = 4,
  parameter int unsigned Ports = 2
) (
  input  logic         go_i,                   // the molecule executes, and has memory atoms
  input  logic [3:0]   count_i,
  input  atom_info_t   info_i       [MaxWords],
  input  logic [5:0]   rd_i         [MaxWords],
  input  logic [7:0]   alias_bits_i [MaxWords],
  input  logic [63:0]  a_i          [Width],   // base
  input  logic [63:0]  b_i          [Width],   // index, of the atoms that have one,
  input  logic [63:0]  imm_i        [Width],   // and displacement of the others
  input  logic [63:0]  d_i          [Width],   // what an integer store stores
  input  logic [127:0] vector_d_i   [Width],   // and a vector store

  output memory_atom_t atom_o    [Ports],
  output logic [63:0]  address_o [Ports],
  output logic [127:0] data_o    [Ports],
  output logic [3:0]   source_o  [Ports]       // the atom's number in the molecule
);
  always_comb begin
    logic [3:0] port;
    port = '0;
    for (int unsigned p = 0; p < Ports; p++) begin
      atom_o[p]    = '0;
      address_o[p] = '0;
      data_o[p]    = '0;
      source_o[p]  = '0;
    end
    if (go_i) begin
      for (int unsigned i = 0; i < Width; i++) begin
        if (4'(i) < count_i && (info_i[i].effects[EffLoad] || info_i[i].effects[EffStore] || info_i[i].effects[EffProbe] ||
                                info_i[i].effects[EffPrefetch])) begin
          for (int unsigned p = 0; p < Ports; p++) begin
            if (4'(p) == port) begin
              source_o[p]           = 4'(i);
              atom_o[p].valid       = 1'b1;
              atom_o[p].load        = info_i[i].effects[EffLoad];
              atom_o[p].store       = info_i[i].effects[EffStore];
              atom_o[p].probe       = info_i[i].effects[EffProbe];
              atom_o[p].prefetch    = info_i[i].effects[EffPrefetch];
              atom_o[p].guest       = info_i[i].effects[EffGuest];
              atom_o[p].protect     = info_i[i].effects[EffProtect];
              atom_o[p].discard     = info_i[i].operands[OpdWritesRd] && rd_i[i] == 6'd63;
              atom_o[p].destination = {info_i[i].operands[OpdWritesVd], rd_i[i]};
              atom_o[p].bytes       = info_i[i].bytes;
              atom_o[p].is_signed   = info_i[i].is_signed;
              atom_o[p].alias_bits  = info_i[i].effects[EffProtect] || info_i[i].effects[EffMasked] ? alias_bits_i[i] : 8'd0;
              address_o[p]          = a_i[i] + (info_i[i].operands[OpdReadsRm] ? b_i[i] : imm_i[i]);
              data_o[p]             = info_i[i].operands[OpdReadsVd] ? vector_d_i[i] : 128'(d_i[i]);
            end
          end
          port = port + 4'd1;
        end
      end
    end
  end
endmodule
