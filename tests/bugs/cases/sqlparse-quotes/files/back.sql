select `foo`
