module muster/bench

go 1.18
